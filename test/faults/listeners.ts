import { expect } from "vitest";
import { until } from "../processes.ts";
import type { Member, Telling } from "./crowd.ts";
import { openReader, type Reader } from "./reader.ts";

export type Listener = { member: Member; reader: Reader };

/** Their pages, open and live. @param speed of their clocks */
export async function listen(members: Member[], url: string, speed: number): Promise<Listener[]> {
  const all = members.map((member) => ({ member, reader: openReader(() => url, member.cookie, 0, speed) }));
  await until(() => all.every(({ reader }) => reader.state() === "live"));
  return all;
}

/** Everybody was shown everything that they were told, once, and in order. */
export async function expectAll(telling: Telling, all: Listener[], ms = 10_000): Promise<void> {
  for (const { member, reader } of all) {
    const last = telling.lastOf(member.id);
    await until(() => reader.seqs().length >= last, ms);
    expect(reader.seqs()).toEqual(Array.from({ length: last }, (_, n) => n + 1));
    expect(reader.repeats()).toBe(0);
    reader.close();
  }
}

/** Ms from a moment until each had a stream again. */
export async function msUntilBack(all: Listener[], since: number, most: number): Promise<number[]> {
  const back = ({ reader }: Listener) => reader.hellos.find(({ at }) => at > since)?.at;
  await until(() => all.every((listener) => back(listener) !== undefined), most);
  return all.map((listener) => (back(listener) ?? 0) - since);
}
