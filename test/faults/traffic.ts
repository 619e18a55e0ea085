import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import { enquire } from "../../src/marketplace/enquiries.ts";
import { publishedListing } from "../cast.ts";
import type { World } from "../world.ts";

/** What became of one form that was sent: `status` is 0 where there was no answer at all. */
export type Post = { words: string; status: number; retryAfter: string | null; at: number; ms: number };

const ABOUT_ONE = 10;

/**
 * Opens a thread with Sol for each of these buyers: a reply in it is told to that buyer alone. They ask about different
 * listings, since whoever writes about the same one takes turns.
 */
export async function openThreads(world: World, buyers: { id: number }[]): Promise<number[]> {
  const { db, cast } = world;
  const threads: number[] = [];
  let listing = { id: 0 };
  for (const [at, { id }] of buyers.entries()) {
    if (at % ABOUT_ONE === 0) listing = await publishedListing(db, cast.sol);
    threads.push(await enquire(db, { id, role: "buyer", name: `Buyer ${id}` }, listing.id, "Is it there?"));
  }
  return threads;
}

/** Nobody is told from now on that they write too often: the traffic of a test is all one person's. */
export async function letWriteOften({ db }: World): Promise<void> {
  await sql`
    create function write_often() returns trigger language plpgsql as $$
    begin
      if new.key like 'writing %' then new.level := 0; end if;
      return new;
    end $$`.execute(db);
  await sql`
    create trigger write_often before insert or update on throttles for each row execute function write_often()`.execute(
    db,
  );
}

/**
 * Sol replies in one thread after the other, at a steady pace whatever the answers are.
 * @param url where the next form goes
 * @param perSecond how many
 */
export function startTraffic(url: () => string, cookie: string, threads: number[], perSecond: number) {
  const posts: Post[] = [];
  const underWay = new Set<Promise<void>>();
  let sent = 0;
  const timer = setInterval(() => {
    const post = send().finally(() => underWay.delete(post));
    underWay.add(post);
  }, 1000 / perSecond);
  return {
    posts,
    /** Resolves when the last form has had its answer. */
    async stop(): Promise<Post[]> {
      clearInterval(timer);
      await Promise.all(underWay);
      return posts;
    },
  };

  async function send(): Promise<void> {
    const words = `Reply ${sent}`;
    const thread = threads[sent % threads.length];
    sent += 1;
    const at = Date.now();
    const answer = await fetch(`${url()}/enquiries/${thread}/messages`, {
      method: "POST",
      redirect: "manual",
      headers: { Cookie: cookie, "Sec-Fetch-Site": "same-origin" },
      body: new URLSearchParams({ message: words }),
      signal: AbortSignal.timeout(30_000),
    }).catch(() => null);
    await answer?.text().catch(() => {});
    const retryAfter = answer?.headers.get("Retry-After") ?? null;
    posts.push({ words, status: answer?.status ?? 0, retryAfter, at, ms: Date.now() - at });
  }
}

/** Checks what everybody was answered against what is stored. */
export async function reckon(world: World, posts: Post[]) {
  const rows = await world.db.selectFrom("messages").select("body").where("body", "like", "Reply %").execute();
  const stored = new Set(rows.map(({ body }) => body));
  const accepted = posts.filter(({ status }) => status === 303);
  const refused = posts.filter(({ status }) => status !== 303);
  return {
    accepted,
    refused,
    /** Answered as done, and not there. */
    lost: accepted.filter(({ words }) => !stored.has(words)),
    /** Answered by nothing, or by something that does not say to come back later. */
    unsaid: refused.filter(({ status, retryAfter }) => status !== 503 || retryAfter === null),
    slowest: Math.max(...posts.map(({ ms }) => ms)),
  };
}

/** Waits until a form is accepted again. @returns after how many ms */
export async function acceptedAgain(posts: Post[], since: number, within = 30_000): Promise<number> {
  for (const deadline = Date.now() + within; Date.now() < deadline; await pause(20)) {
    const first = posts.find(({ status, at }) => status === 303 && at >= since);
    if (first) return first.at + first.ms - since;
  }
  throw new Error(`Nothing was accepted within ${within} ms.`);
}
