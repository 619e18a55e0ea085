import { cpus, totalmem } from "node:os";
import type { BackFigures, PollingFigures } from "./back.ts";
import type { FlowFigures, ManyFigures } from "./market.ts";
import type { Deliveries, PersonFigures } from "./person.ts";
import { percentile } from "./proc.ts";

/** All that was measured; of what was measured several times, every time. */
export type Figures = {
  persons: { raw: PersonFigures[]; web: PersonFigures[] }[];
  many: ManyFigures[];
  flows: FlowFigures[];
  backs: BackFigures[];
  polling: PollingFigures;
};

type Pick<T> = (figures: T) => number;

/** The figures as tables of a document: medians, with the least and the most where there is more than one. */
export function tablesOf(figures: Figures): string {
  return [
    `*${machine()}*`,
    "### Connected people, and what it costs to tell them",
    ...figures.persons.map(({ raw, web }) => personTable(raw, web)),
    "### One listing with many watchers",
    manyTable(figures.many),
    "### Changes a second, each heard by ten of 2,000 people on two web processes",
    flowTable(figures.flows),
    "### Everyone comes back",
    backTable(figures),
    "### Against polling every ten seconds",
    pollingTable(figures),
  ].join("\n\n");
}

/** The machine on which this runs. */
function machine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${new Date().toISOString().slice(0, 10)} · ${cpus().length} × ${cpu?.model.trim()} · ${memory} GiB · Node ${process.versions.node}`;
}

function personTable(raw: PersonFigures[], web: PersonFigures[]): string {
  const rates = Object.keys(web[0]?.rates ?? {}).map(Number);
  const rows: [string, Pick<PersonFigures>, number][] = [
    ["all connected at once, s", (one) => one.openSeconds, 2],
    ["CPU for 1,000 openings, ms", (one) => one.openCpu, 0],
    ["KiB for each of them", (one) => one.kibEach, 1],
    ["at rest: CPU-s for a person's hour", (one) => one.idleCpuHour, 4],
    ...rates.flatMap((rate) => deliveryRows(`${rate.toLocaleString("en-GB")}/s`, (one) => one.rates[rate])),
    ...deliveryRows("one event to all", (one) => one.all),
  ];
  const lines = rows.map(([name, of, digits]) => {
    const [ours, theirs] = [web.map(of), raw.map(of)];
    return [name, shown(ours, digits), shown(theirs, digits), (middle(ours) / middle(theirs)).toFixed(2)];
  });
  const people = web[0]?.people.toLocaleString("en-GB");
  return table([`${people} people`, "Stockbell", "raw node:http + Redis", "ratio"], lines);
}

type Row = [string, Pick<PersonFigures>, number];

function deliveryRows(name: string, of: (one: PersonFigures) => Deliveries | undefined): Row[] {
  return [
    [`${name}: p50, ms`, (one) => of(one)?.p50 ?? Number.NaN, 2],
    [`${name}: p99, ms`, (one) => of(one)?.p99 ?? Number.NaN, 1],
    [`${name}: CPU for 1,000, ms`, (one) => of(one)?.cpu ?? Number.NaN, 1],
  ];
}

function manyTable(many: ManyFigures[]): string {
  const lines = many.map((one) => [
    one.watchers.toLocaleString("en-GB"),
    shown(one.lasts, 0),
    shown(one.clicks, 0),
    one.othersP99.toFixed(0),
    one.cpu.toFixed(1),
    String(one.wrong),
  ]);
  const head = ["watchers", "change to last socket, ms", "the seller's click, ms", "others' p99, ms"];
  return table([...head, "web CPU for 1,000, ms", "not stored or misnumbered"], lines);
}

function flowTable(flows: FlowFigures[]): string {
  const lines = flows.map(({ rate, p50, p99, lost, doubled, backlog, cpu }) => [
    ...[rate, p50.toFixed(0), p99.toFixed(0), lost, doubled, backlog].map(String),
    ...[cpu.webs, cpu.worker, cpu.postgres].map((ms) => ms.toFixed(1)),
  ]);
  const head = ["changes/s", "p50, ms", "p99, ms", "lost", "doubled", "waiting at the end"];
  return table([...head, "CPU for a change, ms: webs", "worker", "Postgres"], lines);
}

function backTable({ backs, persons }: Figures): string {
  const people = backs[0]?.people ?? 0;
  const raw = persons.find(({ web }) => web[0]?.people === people)?.raw.map((one) => one.openSeconds) ?? [];
  const all = backs.map(({ seconds }) => seconds);
  const lines = [
    ["all live again after, s", shown(all, 2)],
    [
      "all told what they missed after, s",
      shown(
        backs.map(({ caughtUp }) => caughtUp),
        2,
      ),
    ],
    ["of the bare connecting of raw node:http + Redis", `${(middle(all) / middle(raw)).toFixed(2)} times`],
    ["lost", String(backs.reduce((sum, { lost }) => sum + lost, 0))],
    [
      "page requests meanwhile: p99, ms",
      shown(
        backs.map(({ pagesP99 }) => pagesP99),
        0,
      ),
    ],
  ];
  return table([`${people.toLocaleString("en-GB")} people, web process killed and started again`, ""], lines);
}

function pollingTable({ polling, persons }: Figures): string {
  const largest = persons.map(({ web }) => web).sort((a, b) => (b[0]?.people ?? 0) - (a[0]?.people ?? 0))[0] ?? [];
  const idle = middle(largest.map((one) => one.idleCpuHour));
  return table(
    ["a person's hour", "requests a day", "CPU-s", "ratio"],
    [
      ["polling", "8,640", polling.cpuHour.toFixed(4), (polling.cpuHour / idle).toFixed(1)],
      ["a stream", "1 to 24 (each lives an hour)", idle.toFixed(4), "1"],
    ],
  );
}

function middle(numbers: number[]): number {
  return percentile(numbers, 0.5);
}

function shown(numbers: number[], digits: number): string {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)].map((value) => value.toFixed(digits));
  const text = middle(numbers).toFixed(digits);
  return numbers.length > 1 ? `${text} (${least}–${most})` : text;
}

function table(head: string[], lines: string[][]): string {
  return [head, head.map((_, at) => (at === 0 ? "---" : "---:")), ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}
