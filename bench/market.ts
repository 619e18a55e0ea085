import { setTimeout as pause } from "node:timers/promises";
import { createDb } from "../src/db.ts";
import { relistListing, withdrawListing } from "../src/marketplace/withdrawal.ts";
import { atRate, costOf, cpuMs, repeat, treeCpuMs } from "./proc.ts";
import { type Stage, startCrowd } from "./stage.ts";

// Changes a second of another listing, which two hundred others hear of.
const OTHERS_RATE = 4;

type Stock = { id: number; sellerId: number; version: number };

export type ManyFigures = {
  watchers: number;
  /** From the change to the last watcher's socket, in ms, in each round. */
  lasts: number[];
  /** The seller's own click, in ms. */
  clicks: number[];
  othersP99: number;
  /** Web CPU in ms for a thousand deliveries, with the seller's click and nothing else meanwhile. */
  cpu: number;
  /** Notifications that are not stored, or not with the next number. */
  wrong: number;
};

/** One listing with so many watchers, all connected to one web process, while others are told of other things. */
export async function measureMany(stage: Stage, watchers: number, rounds: number): Promise<ManyFigures> {
  const [web, worker] = await Promise.all([stage.web(), stage.worker()]);
  const [crowd, others] = await Promise.all([startCrowd(), startCrowd()]);
  const [loud, quiet] = await stock(stage, 2, (n) => (n === 0 ? [1, watchers] : [watchers + 1, watchers + 200]));
  if (!loud || !quiet) throw new Error("there is nothing to watch");
  const db = createDb(stage.pool);
  const lasts: number[] = [];
  const clicks: number[] = [];
  async function round(): Promise<void> {
    await crowd.listen();
    clicks.push(await clickOn(stage, web.port, loud as Stock));
    await crowd.heard(watchers);
    lasts.push((await crowd.report()).max);
  }
  try {
    await crowd.open(stage.seats(web.port, 1, watchers), 1000);
    await others.open(stage.seats(web.port, watchers + 1, watchers + 200));
    for (let n = 0; n < 3; n += 1) await round();
    const cpu = await costOf(web.pid, () => repeat(rounds, round));
    lasts.length = clicks.length = 0;
    await others.listen();
    let last = Promise.resolve();
    for (let n = 0; n < rounds; n += 1) {
      const meanwhile = atRate(OTHERS_RATE, 3, () => {
        last = last.then(() => move(db, quiet));
      });
      await pause(1000);
      await round();
      await meanwhile;
    }
    await last;
    await others.heard(200 * 3 * OTHERS_RATE * rounds, 5000);
    const wrong = await countWrong(stage, watchers, 3 + 2 * rounds);
    return {
      ...{ watchers, lasts, clicks, wrong, othersP99: (await others.report()).p99 },
      cpu: (cpu / rounds / watchers) * 1000,
    };
  } finally {
    await Promise.all([crowd.stop(), others.stop(), web.stop("SIGKILL"), worker.stop("SIGKILL")]);
  }
}

export type FlowFigures = {
  rate: number;
  p50: number;
  p99: number;
  lost: number;
  doubled: number;
  /** Events that were not delivered yet when the last had just happened. */
  backlog: number;
  /** CPU for an event, in ms. */
  cpu: { webs: number; worker: number; postgres: number };
};

/** So many changes a second, each heard by ten of two thousand people, who are connected to two web processes. */
export async function measureFlow(stage: Stage, rate: number, seconds: number): Promise<FlowFigures> {
  const [PEOPLE, HEARD_BY] = [2000, 10];
  const [one, two, worker] = await Promise.all([stage.web(), stage.web(), stage.worker()]);
  const crowd = await startCrowd();
  const db = createDb(stage.pool);
  const listings = await stock(stage, PEOPLE / HEARD_BY, (n) => [n * HEARD_BY + 1, (n + 1) * HEARD_BY]);
  const busy = listings.map(() => Promise.resolve());
  const act = (n: number) => {
    const at = n % listings.length;
    busy[at] = (busy[at] as Promise<void>).then(() => move(db, listings[at] as Stock));
  };
  try {
    await crowd.open([...stage.seats(one.port, 1, PEOPLE / 2), ...stage.seats(two.port, PEOPLE / 2 + 1, PEOPLE)]);
    await crowd.listen();
    await atRate(Math.min(rate, 100), 2, act);
    await crowd.heard(Math.min(rate, 100) * 2 * HEARD_BY);
    await crowd.listen();
    const cost = () => [cpuMs(one.pid) + cpuMs(two.pid), cpuMs(worker.pid), treeCpuMs(stage.postgresPid)];
    const before = cost();
    await atRate(rate, seconds, act);
    await Promise.all(busy);
    const backlog = await waiting(stage);
    const expected = rate * seconds * HEARD_BY;
    await crowd.heard(expected, 20_000);
    const [webs = 0, own = 0, postgres = 0] = cost().map((after, at) => (after - (before[at] ?? 0)) / (rate * seconds));
    const { received, doubled, p50, p99 } = await crowd.report();
    return { rate, p50, p99, lost: expected - received, doubled, backlog, cpu: { webs, worker: own, postgres } };
  } finally {
    await Promise.all([crowd.stop(), ...[one, two, worker].map((server) => server.stop("SIGKILL"))]);
  }
}

/** Listings of a seller each, and who watches them: from one user to another. */
async function stock({ pool }: Stage, count: number, watchedBy: (n: number) => [number, number]): Promise<Stock[]> {
  const made = await pool.query(
    `insert into listings (seller_id, title, description, category, quantity, unit, price_minor, currency, location)
     select (select min(id) from users where role = 'seller'), 'Copper cathode ' || n, 'In bond.', 'metals', 1200, 'kg',
       84550, 'EUR', 'Rotterdam' from generate_series(1, $1::int) n returning id::int, seller_id::int as "sellerId", version`,
    [count],
  );
  for (const [n, { id }] of made.rows.entries()) {
    await pool.query("insert into watches (user_id, listing_id) select generate_series($1::int, $2::int), $3", [
      ...watchedBy(n),
      id,
    ]);
  }
  await pool.query("analyze watches");
  return made.rows;
}

/** Off the market or onto it again. */
async function move(db: ReturnType<typeof createDb>, listing: Stock): Promise<void> {
  const change = listing.version % 2 ? withdrawListing : relistListing;
  await change(db, { id: listing.sellerId, role: "seller" }, listing);
  listing.version += 1;
}

async function clickOn(stage: Stage, port: number, listing: Stock): Promise<number> {
  const [seat] = stage.seats(port, listing.sellerId, listing.sellerId);
  const what = listing.version % 2 ? "withdrawal" : "relisting";
  const began = performance.now();
  const answer = await fetch(`http://127.0.0.1:${port}/listings/${listing.id}/${what}`, {
    method: "POST",
    redirect: "manual",
    headers: { Cookie: seat?.cookie ?? "", "Sec-Fetch-Site": "same-origin" },
    body: new URLSearchParams({ version: String(listing.version) }),
  });
  await answer.arrayBuffer();
  if (answer.status !== 303) throw new Error(`the seller was answered ${answer.status}`);
  listing.version += 1;
  return performance.now() - began;
}

async function countWrong({ pool }: Stage, watchers: number, events: number): Promise<number> {
  const { rows } = await pool.query(
    `select count(*)::int as wrong from generate_series(1, $1::int) id where $2::int <> (
       select count(distinct seq) from notifications where recipient_id = id and seq between 1 and $2)`,
    [watchers, events],
  );
  return rows[0].wrong;
}

async function waiting({ pool }: Stage): Promise<number> {
  const { rows } = await pool.query("select count(*)::int as n from events where delivered_at is null");
  return rows[0].n;
}
