import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startHearing } from "../src/hearing.ts";

const PACE = { everyMs: 1000, deafAfter: 3, againAfter: 2, hopelessAfter: 5 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A hearing whose Redis does as it is told, and what it has called for. */
function setUp() {
  const place = { answers: true, brings: true, connected: true };
  const calls: string[] = [];
  const call = (name: string) => () => void calls.push(name);
  const hearing = startHearing(
    {
      async say(body) {
        if (!place.answers) throw new Error("away");
        if (place.brings && place.connected) hearing.hear(body);
      },
      listens: () => place.connected,
      listenAnew: call("listen anew"),
      speakAnew: call("speak anew"),
      onDeaf: call("deaf"),
      onHearing: call("hearing"),
      onHopeless: call("hopeless"),
    },
    PACE,
  );
  const passed = async (ticks: number) => {
    await vi.advanceTimersByTimeAsync(ticks * PACE.everyMs);
    return { deaf: hearing.deaf, silent: hearing.silent };
  };
  return { place, calls, hearing, passed };
}

describe("a process that speaks to itself", () => {
  test("calls for nothing as long as it hears itself, and knows how long that takes", async () => {
    const { calls, hearing, passed } = setUp();
    expect(await passed(50)).toEqual({ deaf: false, silent: false });
    expect([calls, hearing.roundTripMs]).toEqual([[], 0]);
  });

  test("is deaf after three questions that were taken and did not come back, listens anew every two, and is hopeless once", async () => {
    const { place, calls, hearing, passed } = setUp();
    await passed(1);
    place.brings = false;
    expect(await passed(3)).toEqual({ deaf: false, silent: false });
    expect(await passed(1)).toEqual({ deaf: true, silent: true });
    expect(calls).toEqual(["deaf", "listen anew"]);
    expect(hearing.roundTripMs).toBeUndefined();
    await passed(4);
    expect(calls).toEqual(["deaf", "listen anew", "listen anew", "listen anew"]);
    await passed(20);
    expect(calls.filter((name) => name === "hopeless")).toHaveLength(1);
    expect(calls.filter((name) => name === "deaf")).toHaveLength(1);
    place.brings = true;
    expect(await passed(1)).toEqual({ deaf: false, silent: false });
    expect(calls.at(-1)).toBe("hearing");
  });

  test("is not deaf while Redis does not answer, however long, and looks for another connection to speak on", async () => {
    const { place, calls, passed } = setUp();
    place.answers = false;
    expect(await passed(100)).toEqual({ deaf: false, silent: false });
    expect(new Set(calls)).toEqual(new Set(["speak anew"]));
  });

  test("begins its count anew when Redis has been away, and is not deaf meanwhile, but not well before it hears", async () => {
    const { place, calls, passed } = setUp();
    place.brings = false;
    await passed(6);
    place.answers = false;
    expect(await passed(1)).toEqual({ deaf: false, silent: true });
    place.answers = true;
    expect(await passed(3)).toEqual({ deaf: false, silent: true });
    expect(await passed(5)).toEqual({ deaf: true, silent: true });
    expect(calls).not.toContain("hopeless");
    expect(calls.filter((name) => name === "deaf")).toHaveLength(1);
  });

  test("counts no question that it asked without a connection to hear it on", async () => {
    const { place, calls, passed } = setUp();
    place.connected = false;
    expect(await passed(100)).toEqual({ deaf: false, silent: false });
    expect(calls).toEqual([]);
  });
});
