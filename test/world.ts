import { runOnce } from "graphile-worker";
import type { Kysely } from "kysely";
import type pg from "pg";
import type { HashCost } from "../src/accounts/passwords.ts";
import { type Bus, createBus } from "../src/bus.ts";
import { type Config, loadConfig } from "../src/config.ts";
import { createDb, createPool, type Database } from "../src/db.ts";
import { seedDemo } from "../src/demo.ts";
import { createLog, type Log } from "../src/log.ts";
import { quietLogger } from "../src/migrate.ts";
import { createTasks, taskList } from "../src/tasks.ts";
import { type Cast, CHEAP_COST, createCast } from "./cast.ts";
import { createTestDatabase, redisUrl, type TestDatabase } from "./database.ts";
import { ROUTED } from "./routed.ts";

/** A database of its own with the cast in it, a bus, and the queue run by hand. */
export type World = {
  config: Config;
  databaseUrl: string;
  pool: pg.Pool;
  db: Kysely<Database>;
  bus: Bus;
  log: Log;
  cast: Cast;
  hashCost: HashCost;
  /** Runs every job that is due, and those that they add, until there is none. */
  drain(): Promise<void>;
  close(): Promise<void>;
};

/**
 * @param options.redis whether the bus is a real Redis, and at which address if not the run's, or within the process;
 *   two web processes need a real one
 * @param options.database one of a Postgres of the test's own
 * @param options.demo whether the cast comes with the demo's stock, watches and enquiries
 */
export async function createWorld(
  options: { redis?: boolean | string; database?: TestDatabase; demo?: boolean; env?: NodeJS.ProcessEnv } = {},
): Promise<World> {
  const database = options.database ?? (await createTestDatabase());
  const env = { DATABASE_URL: database.url, NODE_ENV: "test", PORT: "0", LOG_LEVEL: "silent", ...options.env };
  const address = typeof options.redis === "string" ? options.redis : redisUrl();
  const config = loadConfig("web", options.redis || ROUTED ? { ...env, REDIS_URL: address } : env);
  const log = createLog("test", config.logLevel);
  const pool = createPool(config, 12);
  const db = createDb(pool);
  const bus = createBus(config, log);
  return {
    config,
    databaseUrl: database.url,
    pool,
    db,
    bus,
    log,
    hashCost: CHEAP_COST,
    cast: options.demo ? await demoCast(db) : await createCast(db),
    drain: () =>
      runOnce({
        pgPool: pool,
        taskList: taskList(createTasks({ config, db, bus, log })),
        noHandleSignals: true,
        logger: quietLogger,
      }),
    async close() {
      await bus.close();
      await db.destroy();
      await database.drop();
    },
  };
}

async function demoCast(db: Kysely<Database>): Promise<Cast> {
  await seedDemo(db);
  const people = await db.selectFrom("users").select(["id", "name", "company", "email", "role"]).execute();
  return Object.fromEntries(people.map((person) => [person.email.split("@")[0], person])) as Cast;
}
