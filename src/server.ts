import { createServer, type Server } from "node:http";
import { type AddressInfo, Server as NetServer } from "node:net";
import type { Kysely } from "kysely";
import { hasDemoPeople } from "./accounts/users.ts";
import { createApp } from "./app.ts";
import { type Bus, createBus } from "./bus.ts";
import { endWithPrimary } from "./cluster.ts";
import type { Config } from "./config.ts";
import { createDb, createPool, type Database } from "./db.ts";
import type { HearingPace } from "./hearing.ts";
import { createLog, type Log } from "./log.ts";
import { conversationReads } from "./marketplace/conversations.ts";
import { findListings, findListingsChangedSince } from "./marketplace/listings.ts";
import { createMetrics } from "./metrics.ts";
import { pushHealth } from "./oversight/health-push.ts";
import { isPassing } from "./passing.ts";
import { stopOnSignal } from "./process.ts";
import { startPulse } from "./pulse.ts";
import { Hub } from "./stream/hub.ts";
import { createReads } from "./stream/reads.ts";

type Parts = { config: Config; bus: Bus; log: Log };
export type Web = { url: string; hub: Hub; stop(): Promise<void> };

const BACKLOG = 4096;
const LIMITS = {
  // The platform's router keeps connections for 90 seconds; a server that closes first makes it answer 503.
  keepAliveTimeout: 95_000,
  // Whoever sends a request byte by byte, to hold on to its connection, is told within five seconds that it took too long.
  headersTimeout: 4000,
  requestTimeout: 4000,
  connectionsCheckingInterval: 500,
};
// A sixth of the streams a second, so that those who come back at once are never a crowd. A few are no crowd.
const DRAIN_MS = 6000;
const FEW = 10;

/**
 * Starts one web process's server.
 * @returns its address, and stop(): stops accepting, ends the streams in waves, finishes what is under way
 * @throws when the port is taken, or demo people are in production
 */
export async function startWeb({ config, bus, log }: Parts): Promise<Web> {
  const pool = createPool(config, 10, "request");
  const db = createDb(pool);
  if (config.production) await refuseDemoPeople(db);
  const metrics = createMetrics();
  const cards = {
    find: (ids: number[]) => findListings(db, ids),
    changedSince: (since: Date, limit: number) => findListingsChangedSince(db, since, limit),
  };
  const reads = createReads(db);
  const hub = new Hub({ db, bus, log, metrics, cards, talks: conversationReads(db), reads });
  await hub.start();
  const server = createServer(LIMITS, createApp({ config, pool, db, bus, hub, log, metrics, cards, reads }));
  await listen(server, config);
  const pulse = startPulse({ db, log, bus, release: config.release }, "web", metrics);
  const stopPushing = pushHealth(hub, db, log);
  const { port } = server.address() as AddressInfo;
  const url = `http://${config.host ?? "localhost"}:${port}`;
  log.info({ url }, "the web process listens");

  return {
    url,
    hub,
    async stop() {
      // Takes no more. HTTP's own way would cut what it takes for idle, which is what streams are to it.
      const closed = new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
      stopPushing();
      await hub.close(hub.streams.size < FEW ? 0 : DRAIN_MS);
      server.closeIdleConnections();
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 5000))]);
      server.closeAllConnections();
      await pulse.stop();
      await db.destroy();
      // Kysely leaves alone a pool that it has never used.
      if (!pool.ended) await pool.end();
    },
  };
}

/** A database that is away is no reason not to start; people of the demo, whose password everybody knows, are. */
async function refuseDemoPeople(db: Kysely<Database>): Promise<void> {
  const found = await hasDemoPeople(db).catch((error) => {
    if (!isPassing(error)) throw error;
    return false;
  });
  if (!found) return;
  await db.destroy();
  throw new Error("the database has people of the demo in it, whose password everybody knows: delete them first");
}

function listen(server: Server, config: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE";
      reject(taken ? new Error(`port ${config.port} is taken: set PORT to a free one`) : error);
    });
    server.listen({ port: config.port, host: config.host, backlog: BACKLOG }, resolve);
  });
}

/**
 * Runs a web process until it is told to stop, or cannot hear the bus any more.
 * @param pace of its hearing
 * @throws when the port is taken
 */
export async function runWeb(config: Config, pace?: HearingPace): Promise<void> {
  const log = createLog("web", config.logLevel);
  const bus = createBus(config, log, pace);
  const started = startWeb({ config, bus, log });
  const fail = stopOnSignal(async () => {
    await (await started).stop();
    await bus.close();
  });
  endWhenHopeless(bus, log, fail);
  endWithPrimary(fail);
  await started;
}

/** A fresh process may hear what this one does not. */
export function endWhenHopeless(bus: Bus, log: Log, end: () => void): void {
  bus.onHopeless(() => {
    log.fatal("the bus stays deaf: this process ends, so that a fresh one takes its place");
    end();
  });
}
