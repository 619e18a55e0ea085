import { sql } from "kysely";
import type { Viewer } from "../../src/access.ts";
import { postForm, signIn } from "../cast.ts";
import { redisUrl } from "../database.ts";
import { startProxy } from "../faults/proxy.ts";
import { freePort, startProcess, type TestProcess, until } from "../processes.ts";
import { ROUTED } from "../routed.ts";
import { openSse, type SseClient } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

/** Real web and worker processes on one Postgres and one Redis. */
export type Fleet = {
  world: World;
  /** The address of the site: of the first web process, or with WEBS=2 of a router before all of them. */
  readonly url: string;
  webs: TestProcess[];
  workers: TestProcess[];
  startWeb(): Promise<TestProcess>;
  /** @param more of an environment of its own */
  startWorker(more?: Record<string, string>): Promise<TestProcess>;
  /** @param at which web process */
  signIn(at: TestProcess, person: Viewer): Promise<string>;
  stream(at: TestProcess, cookie: string, query?: string): Promise<SseClient>;
  post(at: TestProcess, path: string, cookie: string, fields?: Record<string, string>): Promise<Response>;
  /** Waits until no event waits to be delivered. */
  allDelivered(ms?: number): Promise<void>;
  close(): Promise<void>;
};

/**
 * @param env for every process; it may also say that Postgres or Redis are elsewhere for them than for the test
 * @param given a world of the test's own, whose Postgres and Redis they use
 */
export async function startFleet(
  webs: number,
  workers: number,
  env: Record<string, string> = {},
  given?: World,
): Promise<Fleet> {
  const world = given ?? (await createWorld({ redis: true }));
  const common = { DATABASE_URL: world.databaseUrl, REDIS_URL: world.config.redisUrl ?? redisUrl(), ...env };
  const clients: SseClient[] = [];
  const router = ROUTED ? await startProxy(() => fleet.webs.map(({ url }) => Number(new URL(url ?? "").port))) : null;
  const fleet: Fleet = {
    world,
    get url() {
      return router?.url ?? fleet.webs[0]?.url ?? "";
    },
    webs: [],
    workers: [],
    async startWeb() {
      const web = await startProcess("src/web.ts", { env: { ...common, PORT: String(await freePort()) } });
      fleet.webs.push(web);
      await web.waitForLog(/listens/, 30_000);
      return web;
    },
    async startWorker(more = {}) {
      const worker = await startProcess("src/worker.ts", { env: { ...common, ...more } });
      fleet.workers.push(worker);
      await worker.waitForLog(/takes jobs/, 30_000);
      return worker;
    },
    signIn: (at, person) => signIn(at.url ?? "", person),
    async stream(at, cookie, query = "") {
      const client = await openSse(`${at.url}/stream${query}`, { cookie });
      clients.push(client);
      await client.next(({ event }) => event === "hello");
      return client;
    },
    post: (at, path, cookie, fields) => postForm(`${at.url}${path}`, cookie, fields),
    allDelivered: (ms = 30_000) => until(async () => (await undelivered(world)) === 0, ms),
    async close() {
      for (const client of clients) client.close();
      await Promise.all([...fleet.webs, ...fleet.workers].map((member) => member.stop("SIGKILL")));
      await router?.close();
      await world.close();
    },
  };
  await Promise.all([
    ...Array.from({ length: ROUTED ? Math.max(2, webs) : webs }, () => fleet.startWeb()),
    ...Array.from({ length: workers }, () => fleet.startWorker()),
  ]);
  return fleet;
}

/** Everybody's inbox as Postgres has it: the numbers, and of which events. */
export async function inboxOf(
  world: World,
  person: { id: number },
): Promise<{ seq: number; eventId: number; listingId: number }[]> {
  const { rows } = await sql<{ seq: number; eventId: number; listingId: number }>`
    select seq, event_id as "eventId", events.listing_id as "listingId"
    from notifications join events on events.id = event_id
    where recipient_id = ${person.id} order by seq`.execute(world.db);
  return rows;
}

async function undelivered(world: World): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) from events where delivered_at is null`.execute(
    world.db,
  );
  return rows[0]?.count ?? 0;
}
