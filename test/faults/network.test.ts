import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import { type TestProcess, until } from "../processes.ts";
import { createTelling, type Member, signedInCrowd, type Telling } from "./crowd.ts";
import { type Fault, startFront } from "./front.ts";
import { expectAll, type Listener, listen, live, msUntilBack } from "./listeners.ts";
import { figuresOf } from "./process.ts";
import { startProxy } from "./proxy.ts";
import { percentile, randomOf, report, SEED, sized } from "./sizes.ts";

/** In the short form readers lose patience sooner, and a trickle of events stands for heartbeats. */
const SPEED = sized(1, 10);
const TRICKLE_MS = sized(1000, 250);
const NOTICED_MS = sized(40_000, 40_000 / SPEED + 1000);
const EACH = sized(50, 6);
const LIVING = sized(2, 1);
const TOKEN = "a-token-for-the-figures";

let fleet: Fleet;
let crowd: Member[];
let telling: Telling;
const random = randomOf(SEED);

beforeAll(async () => {
  // Those that live, and one to be frozen.
  fleet = await startFleet(LIVING + 1, 0, { METRICS_TOKEN: TOKEN });
  telling = await createTelling(fleet.world, 4000);
  crowd = await signedInCrowd(fleet.world, 2 * EACH + 5 + sized(100, 10));
});
afterAll(() => fleet.close());

const living = () => fleet.webs.slice(0, LIVING).map(portOf);

function portOf(web: TestProcess | undefined): number {
  return Number(new URL(web?.url ?? "").port);
}

/** Somebody new at this address. */
function come(count: number, url: string, speed = SPEED): Listener[] {
  return listen(crowd.splice(0, count), url, speed);
}

/** Tells all of these people something every now and then. @returns stop() */
function trickle(to: Listener[], everyMs = TRICKLE_MS): () => Promise<void> {
  const stopped = new AbortController();
  const ringing = (async () => {
    while (!stopped.signal.aborted) {
      await telling.tell(to.map(({ member }) => member.id));
      await pause(everyMs);
    }
  })();
  return () => {
    stopped.abort();
    return ringing;
  };
}

function secondsOf(noticed: number[], back: number[]): Record<string, number> {
  return {
    "s until noticed: worst": Math.max(...noticed) / 1000,
    "s until back: median": percentile(back, 0.5) / 1000,
    "back, worst": Math.max(...back) / 1000,
  };
}

describe.concurrent("what networks do", () => {
  test(`R-09: ${EACH} readers whose connections are half-open notice within 40 s, come back and have missed nothing`, async () => {
    const proxy = await startProxy(living, { random });
    const all = come(EACH, proxy.url);
    // First the trickle: without it the quick of the short form would soon take a silent stream for a dead one.
    const stop = trickle(all);
    await live(all);
    await pause(2 * TRICKLE_MS);
    const since = Date.now();
    proxy.halve();
    const { noticed, back } = await msUntilBack(all, since, NOTICED_MS + 10_000);
    await stop();
    await expectAll(telling, all);
    report("R-09", { fault: "half-open", ...secondsOf(noticed, back) });
    expect(Math.max(...noticed)).toBeLessThanOrEqual(NOTICED_MS);
    await proxy.close();
  });

  test(`R-09: ${EACH} readers of a frozen web process notice within 40 s, go on at another and have missed nothing; when it wakes it lets go of them`, async () => {
    const frozen = fleet.webs[LIVING] as TestProcess;
    let targets = [portOf(frozen)];
    const proxy = await startProxy(() => targets, { random });
    const all = come(EACH, proxy.url);
    const stop = trickle(all);
    await live(all);
    await pause(2 * TRICKLE_MS);
    const since = Date.now();
    process.kill(frozen.pid, "SIGSTOP");
    targets = living();
    const { noticed, back } = await msUntilBack(all, since, NOTICED_MS + 10_000);
    process.kill(frozen.pid, "SIGCONT");
    await stop();
    await expectAll(telling, all);
    const streams = async () => (await figuresOf(frozen.url ?? "", TOKEN))("stockbell_streams");
    await until(async () => (await streams()) === 0, 5000);
    report("R-09", { fault: "SIGSTOP", ...secondsOf(noticed, back) });
    expect(Math.max(...noticed)).toBeLessThanOrEqual(NOTICED_MS);
    await proxy.close();
  });

  const LASTS_MS = sized(30_000, 1500);
  test.each<Fault>(["503", "html"])(
    `R-10: the stream answers %s for ${LASTS_MS / 1000} s, then is well: the cursor is kept, nothing is lost and nothing comes twice`,
    async (fault) => {
      const front = await startFront(() => portOf(fleet.webs[0]));
      const all = come(1, front.url);
      const [{ reader }] = all as [Listener];
      const stop = trickle(all);
      await until(() => reader.seqs().length > 1);
      const since = Date.now();
      front.fail(fault);
      await pause(LASTS_MS);
      const asked = front.asked();
      front.fail(null);
      const [back = 0] = (await msUntilBack(all, since, NOTICED_MS + 10_000)).back;
      await stop();
      await expectAll(telling, all);
      expect(asked).toBeGreaterThan(1);
      expect(reader.hellos.map(({ state }) => state)).toEqual(reader.hellos.map(() => "resumed"));
      report("R-10", {
        answer: fault,
        "tries meanwhile": asked,
        "s until back after it was well": (back - LASTS_MS) / 1000,
      });
      await front.close();
    },
  );

  test.each<Fault>(["401", "302"])(
    "R-10: the stream answers %s: signed out is told, and nothing is tried again",
    async (fault) => {
      const front = await startFront(() => portOf(fleet.webs[0]));
      const [{ member, reader }] = come(1, front.url) as [Listener];
      await telling.tell([member.id], 2);
      await until(() => reader.seqs().length === 2);
      front.fail(fault);
      await until(() => reader.state() === "signed-out");
      const attempts = [reader.attempts(), front.asked()];
      front.fail(null);
      reader.wake();
      await pause(sized(10_000, 1500));
      expect([reader.attempts(), front.asked()]).toEqual(attempts);
      expect(reader.states.filter(({ state }) => state === "signed-out")).toHaveLength(1);
      expect(reader.seqs()).toEqual([1, 2]);
      report("R-10", { answer: fault, "requests until signed out was told": front.asked(), afterwards: 0 });
      await front.close();
    },
  );

  const READERS = sized(100, 10);
  const DROPS = sized(20, 3);
  const [DOWN_MS, UP_MS] = sized([2000, 4000], [500, 700]);
  test(`R-17: ${DROPS} times the network is gone for ${DOWN_MS / 1000} s: each of ${READERS} readers gets all, once`, async () => {
    const proxy = await startProxy(living, { random });
    // Four times as fast at the most: drops this short would otherwise be longer than all their patience.
    const all = come(READERS, proxy.url, sized(1, 4));
    await live(all);
    const began = Date.now();
    let told = 0;
    const end = Date.now() + DROPS * (DOWN_MS + UP_MS);
    const ringing = (async () => {
      for (let event = 0; Date.now() < end; event += 1) {
        const some = all.filter(() => random() < 0.1).map(({ member }) => member.id);
        if (some.length > 0) await telling.tell(some);
        told += some.length;
        await pause(Math.max(0, began + event * 50 - Date.now()));
      }
    })();
    for (let drop = 0; drop < DROPS; drop += 1) {
      await pause(UP_MS);
      proxy.refuse(true);
      proxy.cut();
      await pause(DOWN_MS);
      proxy.refuse(false);
    }
    await ringing;
    const ended = Date.now();
    const again = all.reduce((sum, { reader }) => sum + reader.repeats(), 0);
    const reconnects = all.reduce((sum, { reader }) => sum + reader.hellos.length - 1, 0);
    await expectAll(telling, all, 40_000);
    report("R-17", {
      seed: SEED,
      drops: DROPS,
      readers: READERS,
      told,
      reconnects,
      "brought again, and dropped": again,
      "s until the last had all": (Date.now() - ended) / 1000,
    });
    await proxy.close();
  });
});
