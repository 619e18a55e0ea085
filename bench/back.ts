import { setTimeout as pause } from "node:timers/promises";
import { cpuMs, nowUs, percentile, repeat } from "./proc.ts";
import { type Stage, startCrowd } from "./stage.ts";

export type BackFigures = { people: number; seconds: number; caughtUp: number; lost: number; pagesP99: number };

/** The web process of so many is killed; each has missed one notification when it is there again, and all come at once. */
export async function measureReturn(stage: Stage, people: number): Promise<BackFigures> {
  const web = await stage.web();
  const crowd = await startCrowd();
  try {
    // One that a page has been told before: it has a cursor to come back with.
    await give(stage, people);
    await crowd.open(
      stage.seats(web.port, 1, people).map((seat) => ({ ...seat, cursor: 1 })),
      4000,
      true,
    );
    await crowd.listen();
    await web.stop("SIGKILL");
    await give(stage, people);
    const again = await stage.web(web.port);
    const began = nowUs() / 1e6;
    const pages = visit(stage, again.port, people + 1);
    const back = await crowd.allOpen();
    const told = await crowd.heard(people);
    const pagesP99 = await pages();
    const { received } = await crowd.report();
    await again.stop("SIGKILL");
    return {
      people,
      seconds: (back ?? Number.NaN) - began,
      caughtUp: (told ?? Number.NaN) - began,
      lost: people - received,
      pagesP99,
    };
  } finally {
    await crowd.stop();
  }
}

/** One more notification for each of them, of an event of its own, as the worker stores it while nobody listens. */
async function give({ pool }: Stage, people: number): Promise<void> {
  await pool.query(
    `with happened as (
       insert into events (kind, actor_id, data, delivered_at)
       values ('listing_withdrawn', (select min(id) from users where role = 'seller'),
         '{"title": "Copper cathode", "sellerId": 0, "buyerId": null}', now()) returning id
     ), bumped as (
       update inboxes set last_seq = last_seq + 1, unread = unread + 1, unseen = unseen + 1, revision = revision + 1
       where user_id between 1 and $1 returning user_id, last_seq
     )
     insert into notifications (recipient_id, seq, event_id, reason)
     select user_id, last_seq, happened.id, 'watching' from bumped, happened`,
    [people],
  );
}

/** Somebody looks at a page twenty times a second. @returns ends it, and says how long 99 of 100 took at the most, in ms */
function visit(stage: Stage, port: number, user: number): () => Promise<number> {
  const [seat] = stage.seats(port, user, user);
  const took: number[] = [];
  let over = false;
  const looking = (async () => {
    while (!over) {
      const began = performance.now();
      const page = await fetch(`http://127.0.0.1:${port}/listings`, { headers: { Cookie: seat?.cookie ?? "" } });
      await page.arrayBuffer();
      if (page.status === 200) took.push(performance.now() - began);
      await pause(50);
    }
  })();
  return async () => {
    over = true;
    await looking;
    return percentile(took, 0.99);
  };
}

export type PollingFigures = { cpuEach: number; cpuHour: number };

/** What it costs to be asked every ten seconds for what is new, when nothing is: each poll, and a person's hour. */
export async function measurePolling(stage: Stage, polls: number): Promise<PollingFigures> {
  const web = await stage.web();
  try {
    const ask = async (n: number) => {
      const [seat] = stage.seats(web.port, 1 + (n % 500), 1 + (n % 500));
      const since = encodeURIComponent(new Date().toISOString());
      const address = `http://127.0.0.1:${web.port}/stream/fallback?after=0&since=${since}`;
      const answer = await fetch(address, { headers: { Cookie: seat?.cookie ?? "" } });
      await answer.arrayBuffer();
    };
    await Promise.all(Array.from({ length: 8 }, async (_, lane) => repeat(200, (n) => ask(n * 8 + lane))));
    const before = cpuMs(web.pid);
    await Promise.all(Array.from({ length: 8 }, async (_, lane) => repeat(polls / 8, (n) => ask(n * 8 + lane))));
    const cpuEach = (cpuMs(web.pid) - before) / polls;
    return { cpuEach, cpuHour: (cpuEach / 1000) * 360 };
  } finally {
    await web.stop("SIGKILL");
  }
}
