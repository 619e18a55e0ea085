import { once } from "node:events";
import { createServer } from "node:net";
import path from "node:path";
import { createBus } from "./bus.ts";
import type { Config } from "./config.ts";
import { createDb, createPool } from "./db.ts";
import { DEMO_PASSWORD, demoPeople, seedDemo } from "./demo.ts";
import { startPostgres } from "./embedded.ts";
import { createLog } from "./log.ts";
import { migrate } from "./migrate.ts";
import { configOrExit, fatal, stopOnSignal } from "./process.ts";
import { startWorker } from "./runner.ts";
import { endWhenHopeless, startWeb } from "./server.ts";

type Stop = () => Promise<void>;

const DATA = path.join(import.meta.dirname, "../.data/postgres");

/**
 * Everything in one process: the database where none is given, its schema, the demo people where there is nobody, the
 * worker and the web.
 * @param stops gets, as each part starts, what stops it; also when a later part fails
 * @param interruption ends it between two steps
 * @param fail ends the process
 * @returns the line that tells where it is
 */
async function startAll(config: Config, stops: Stop[], interruption: AbortSignal, fail: () => void): Promise<string> {
  await refuseTakenPort(config);
  const databaseUrl = config.databaseUrl ?? (await startDatabase(stops));
  interruption.throwIfAborted();
  const settings = { ...config, databaseUrl };
  await migrate(settings).catch((error) => {
    if (config.databaseUrl) fatal("Stockbell cannot use the database of DATABASE_URL", error);
    throw error;
  });
  interruption.throwIfAborted();
  if (!config.databaseUrl) await seedIfEmpty(settings);
  interruption.throwIfAborted();
  // What a person at a terminal reads is one line, unless more is asked for.
  const log = createLog("start", process.env.LOG_LEVEL ? config.logLevel : "warn");
  const bus = createBus(settings, log);
  stops.push(() => bus.close());
  endWhenHopeless(bus, log, fail);
  const worker = await startWorker({ config: settings, bus, log });
  stops.push(() => worker.stop());
  const web = await startWeb({ config: settings, bus, log });
  stops.push(() => web.stop());
  return config.databaseUrl ? `Stockbell is at ${web.url}` : `Stockbell is at ${web.url} (${signIns()})`;
}

/** Asked before anything is started: a database for nothing is a second of waiting and a folder to clear away. */
async function refuseTakenPort({ host, port }: Config): Promise<void> {
  const server = createServer();
  try {
    await once(server.listen({ port, host }), "listening");
  } catch (error) {
    const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    throw taken ? new Error(`port ${port} is taken: set PORT to a free one`) : error;
  }
  await new Promise((resolve) => server.close(resolve));
}

async function startDatabase(stops: Stop[]): Promise<string> {
  const postgres = await startPostgres({ dir: DATA });
  let stopping = false;
  stops.push(() => {
    stopping = true;
    return postgres.stop();
  });
  postgres.exited.then(() => stopping || fatal("Stockbell ends", "its database was stopped from outside"));
  return postgres.url;
}

async function seedIfEmpty(config: Config): Promise<void> {
  const db = createDb(createPool(config, 2));
  try {
    const somebody = await db.selectFrom("users").select("id").limit(1).executeTakeFirst();
    if (!somebody) await seedDemo(db);
  } finally {
    await db.destroy();
  }
}

function signIns(): string {
  const people = Object.values(demoPeople).map(({ email, role }) => `${email} (${role})`);
  return `sign in as ${people.join(", ")}; the password of each is ${DEMO_PASSWORD}`;
}

function main(): void {
  const stops: Stop[] = [];
  const interruption = new AbortController();
  const started = startAll(configOrExit("start"), stops, interruption.signal, () => fail());
  let stopped: Promise<void> | undefined;
  const stopAll = () => (stopped ??= inTurn(stops.toReversed()));
  const fail = stopOnSignal(async () => {
    interruption.abort();
    await started.catch(() => {});
    await stopAll();
  });
  started.then(
    (line) => interruption.signal.aborted || console.log(line),
    async (error) => {
      await stopAll();
      if (!interruption.signal.aborted) fatal("Stockbell cannot start", error);
    },
  );
}

async function inTurn(stops: Stop[]): Promise<void> {
  for (const stop of stops) await stop();
}

main();
