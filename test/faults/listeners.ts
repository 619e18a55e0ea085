import { expect } from "vitest";
import { until } from "../processes.ts";
import type { Member, Telling } from "./crowd.ts";
import { openReader, type Reader } from "./reader.ts";

export type Listener = { member: Member; reader: Reader };

/** Their pages, opened. @param speed of their clocks */
export function listen(members: Member[], url: string, speed: number): Listener[] {
  return members.map((member) => ({ member, reader: openReader(() => url, member.cookie, 0, speed) }));
}

export function live(all: Listener[]): Promise<void> {
  return until(() => all.every(({ reader }) => reader.state() === "live"));
}

/**
 * Everybody was shown everything that they were told, in order. What comes once more, by an answer that was on its way
 * when the stream came back, is dropped as by a page, which knows what it has shown.
 */
export async function expectAll(telling: Telling, all: Listener[], ms = 10_000): Promise<void> {
  for (const { member, reader } of all) {
    const last = telling.lastOf(member.id);
    await until(() => reader.seqs().length >= last, ms);
    expect(reader.seqs()).toEqual(Array.from({ length: last }, (_, n) => n + 1));
    reader.close();
  }
}

/** Ms from a moment until each had noticed that its stream was gone, and until each had one again. */
export async function msUntilBack(
  all: Listener[],
  since: number,
  most: number,
): Promise<{ noticed: number[]; back: number[] }> {
  const noticed = ({ reader }: Listener) => reader.states.find(({ at, state }) => at > since && state !== "live")?.at;
  const back = ({ reader }: Listener) => reader.hellos.find(({ at }) => at > since)?.at;
  await until(() => all.every((listener) => back(listener) !== undefined), most);
  const after = (moment: (listener: Listener) => number | undefined) =>
    all.map((listener) => (moment(listener) ?? Number.NaN) - since);
  return { noticed: after(noticed), back: after(back) };
}
