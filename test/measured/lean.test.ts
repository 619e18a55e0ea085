import { afterAll, beforeAll, expect, test } from "vitest";
import { measurePerson, type PersonFigures } from "../../bench/person.ts";
import { type Stage, startStage } from "../../bench/stage.ts";

const PEOPLE = 1000;

let stage: Stage;
const raw: PersonFigures[] = [];
const web: PersonFigures[] = [];

// Both on this machine, in turns: what is compared is their ratio, never a clock. A shared machine is a third slower from one
// half minute to the next, so each is measured twice and the better one counts.
beforeAll(async () => {
  stage = await startStage(PEOPLE);
  const short = { rates: [2000], seconds: 1, idleSeconds: 1, settleMs: 600, warmUp: 500 };
  for (let round = 0; round < 2; round += 1) {
    raw.push(await measurePerson(stage, "raw", PEOPLE, short));
    web.push(await measurePerson(stage, "web", PEOPLE, short));
  }
});
afterAll(() => stage.stop());

type Figure = (figures: PersonFigures) => number | undefined;
const least = (all: PersonFigures[], of: Figure) => Math.min(...all.map((one) => of(one) ?? Number.NaN));
const ratio = (of: Figure) => least(web, of) / least(raw, of);

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
  const each: Figure = ({ kibEach }) => kibEach;
  console.log(`lean: ${least(web, each).toFixed(1)} KiB for each, raw ${least(raw, each).toFixed(1)}`);
  expect(ratio(each)).toBeLessThan(2.2);
});

test("nothing of it is lost", () => {
  for (const { rates, all } of web) expect([rates[2000]?.lost, all.lost]).toEqual([0, 0]);
});
