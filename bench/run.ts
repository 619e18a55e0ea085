// npm run bench: what Stockbell costs beside raw node:http, and how it grows. It writes docs/performance.md's tables and charts.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { measurePolling, measureReturn } from "./back.ts";
import { chart } from "./chart.ts";
import { measureFlow, measureMany } from "./market.ts";
import { measurePerson, type PersonFigures } from "./person.ts";
import { percentile } from "./proc.ts";
import { type Figures, tablesOf } from "./report.ts";
import { type Stage, startStage } from "./stage.ts";

const QUICK = process.argv.includes("--quick");
const DOCS = join(import.meta.dirname, "../docs");
const SIZE = QUICK
  ? { people: [1000], rounds: 1, idleSeconds: 5, watchers: [1, 1000], clicks: 2, flows: [100], back: 1000, polls: 2000 }
  : {
      ...{ people: [1000, 5000, 10_000, 19_000], rounds: 3, idleSeconds: 15, watchers: [1, 100, 10_000], clicks: 5 },
      ...{ flows: [100, 200, 300, 400, 600], back: 10_000, polls: 8000 },
    };

/** Each on a stage of its own, so that nothing is measured with what another has left behind. */
async function on<T>(people: number, measure: (stage: Stage) => Promise<T>): Promise<T> {
  const stage = await startStage(people);
  try {
    return await measure(stage);
  } finally {
    await stage.stop();
  }
}

async function several<T>(times: number, measure: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let n = 0; n < times; n += 1) all.push(await measure());
  return all;
}

async function measurePersons(people: number): Promise<Figures["persons"][number]> {
  const [raw, web]: [PersonFigures[], PersonFigures[]] = [[], []];
  // In turns, so that a slow quarter of an hour hits both alike.
  for (let round = 0; round < (people === SIZE.back ? SIZE.rounds : 1); round += 1) {
    for (const [kind, figures] of [
      ["raw", raw],
      ["web", web],
    ] as const) {
      console.error(`${people} people, ${kind}, round ${round + 1}`);
      figures.push(await on(people, (stage) => measurePerson(stage, kind, people, { idleSeconds: SIZE.idleSeconds })));
    }
  }
  return { raw, web };
}

async function measureAll(): Promise<Figures> {
  const persons: Figures["persons"] = [];
  for (const people of SIZE.people) persons.push(await measurePersons(people));
  console.error("everyone comes back");
  const backs = await several(SIZE.rounds, () => on(SIZE.back + 1, (stage) => measureReturn(stage, SIZE.back)));
  const polling = await on(500, (stage) => measurePolling(stage, SIZE.polls));
  const many: Figures["many"] = [];
  for (const watchers of SIZE.watchers) {
    console.error(`${watchers} watchers`);
    many.push(await on(watchers + 200, (stage) => measureMany(stage, watchers, SIZE.clicks)));
  }
  const flows: Figures["flows"] = [];
  for (const rate of SIZE.flows) {
    console.error(`${rate} changes a second`);
    flows.push(await on(2000, (stage) => measureFlow(stage, rate, QUICK ? 5 : 10)));
  }
  return { persons, many, flows, backs, polling };
}

async function write(figures: Figures, tables: string): Promise<void> {
  const document = join(DOCS, "performance.md");
  const text = await readFile(document, "utf8");
  await writeFile(
    document,
    text.replace(
      /(<!-- measured -->\n)[\s\S]*(<!-- \/measured -->)/,
      (_, begin, end) => `${begin}\n${tables}\n\n${end}`,
    ),
  );
  await mkdir(join(DOCS, "performance"), { recursive: true });
  const perDelivery = (of: (one: PersonFigures) => number, side: "raw" | "web") =>
    figures.persons.map((one): [number, number] => [one.web[0]?.people ?? 0, percentile(one[side].map(of), 0.5)]);
  const cpu = (one: PersonFigures) => one.rates[2000]?.cpu ?? 0;
  const connected = [
    { name: "Stockbell", points: perDelivery(cpu, "web") },
    { name: "raw node:http", points: perDelivery(cpu, "raw") },
  ];
  const watchers = [
    { name: "Stockbell", points: figures.many.map((one): [number, number] => [one.watchers, one.cpu]) },
  ];
  const charts = {
    "by-connected": chart("CPU for 1,000 deliveries, at 2,000 a second", "people connected", "ms", connected),
    "by-watchers": chart("Web CPU for 1,000 deliveries of one change", "watchers of the listing", "ms", watchers),
  };
  for (const [name, svg] of Object.entries(charts)) await writeFile(join(DOCS, "performance", `${name}.svg`), svg);
}

const figures = await measureAll();
const tables = tablesOf(figures);
console.log(tables);
if (!QUICK) await write(figures, tables);
process.exit(0);
