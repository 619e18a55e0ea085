import { afterAll, beforeAll, expect, test } from "vitest";
import { measurePerson, type PersonFigures } from "../../bench/person.ts";
import { type Stage, startStage } from "../../bench/stage.ts";

const PEOPLE = 1000;

let stage: Stage;
let raw: PersonFigures;
let web: PersonFigures;

// Both on this machine, one after the other: what is compared is their ratio, never a clock.
beforeAll(async () => {
  stage = await startStage(PEOPLE);
  const short = { rates: [2000], seconds: 1, idleSeconds: 2, settleMs: 600, warmUp: 500 };
  raw = await measurePerson(stage, "raw", PEOPLE, short);
  web = await measurePerson(stage, "web", PEOPLE, short);
});
afterAll(() => stage.stop());

const ratio = (of: (figures: PersonFigures) => number | undefined) => (of(web) ?? 0) / (of(raw) ?? 0);

test.each([
  ["to tell one person of one event", (one: PersonFigures) => one.rates[2000]?.cpu, 2],
  ["to tell all of one event", (one: PersonFigures) => one.all.cpu, 1.6],
  ["to open a stream", (one: PersonFigures) => one.openCpu, 3.2],
  ["to be connected and told nothing", (one: PersonFigures) => one.idleCpuHour, 2],
])("beside streams of node:http alone it costs little more %s", (_what, of, most) => {
  console.log(`lean: ${ratio(of).toFixed(2)} times raw, at most ${most}`);
  expect(ratio(of)).toBeLessThan(most);
});

test("a person who is connected takes little more memory than a stream of node:http alone", () => {
  console.log(`lean: ${web.kibEach.toFixed(1)} KiB for each, raw ${raw.kibEach.toFixed(1)}`);
  expect(ratio((one) => one.kibEach)).toBeLessThan(2.2);
});

test("nothing of it is lost", () => {
  expect([web.rates[2000]?.lost, web.all.lost]).toEqual([0, 0]);
});
