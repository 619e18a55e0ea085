import type { HearingPace } from "../../src/hearing.ts";
import { startProxy } from "./proxy.ts";

/** Deaf after two thirds of a second, hopeless after four more. */
export const QUICK: HearingPace = { everyMs: 200, deafAfter: 3, againAfter: 4, hopelessAfter: 20 };

const MESSAGE = "*3\r\n$7\r\nmessage\r\n";

/**
 * A Redis that answers and takes everything, behind what keeps back the messages of its subscriptions: those that hear of
 * nothing do not notice.
 */
export async function startDeafening(redisPort: number) {
  let made = 0;
  let deafUpTo = 0;
  const proxy = await startProxy(() => [redisPort], {
    edit() {
      const number = ++made;
      return withoutMessages(() => number <= deafUpTo);
    },
  });
  return {
    proxy,
    url: `redis://127.0.0.1:${proxy.port}`,
    /** How many connections were made so far. */
    made: () => made,
    /** No message comes any more on the connections of now, or on new ones either. */
    deafen(which: "present" | "all") {
      deafUpTo = which === "all" ? Number.POSITIVE_INFINITY : made;
    },
    /** Messages come again, on all. */
    letThrough() {
      deafUpTo = 0;
    },
  };
}

/** Takes out of Redis's answers the messages, whole, however the bytes come in pieces. */
function withoutMessages(deaf: () => boolean): (bytes: Buffer) => Buffer {
  let held = "";
  return (bytes) => {
    let rest = held + bytes.toString("latin1");
    let passed = "";
    for (let at = rest.indexOf(MESSAGE); at >= 0; at = rest.indexOf(MESSAGE)) {
      const end = endOf(rest, at);
      if (end === undefined) break;
      passed += rest.slice(0, deaf() ? at : end);
      rest = rest.slice(end);
    }
    const keep = beginningAt(rest);
    held = rest.slice(keep);
    return Buffer.from(passed + rest.slice(0, keep), "latin1");
  };
}

/** Where a message ends that begins here; undefined while the rest of it is still to come. */
function endOf(text: string, at: number): number | undefined {
  let end = at + MESSAGE.length;
  for (let part = 0; part < 2; part += 1) {
    const length = /^\$(\d+)\r\n/.exec(text.slice(end, end + 20));
    if (!length) return undefined;
    end += length[0].length + Number(length[1]) + 2;
  }
  return end <= text.length ? end : undefined;
}

/** Where a message begins of which only a part is there, or the text's end. */
function beginningAt(text: string): number {
  const whole = text.indexOf(MESSAGE);
  if (whole >= 0) return whole;
  for (let length = Math.min(MESSAGE.length - 1, text.length); length > 0; length -= 1)
    if (text.endsWith(MESSAGE.slice(0, length))) return text.length - length;
  return text.length;
}
