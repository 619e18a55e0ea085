import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Viewer } from "../src/access.ts";
import { createApp } from "../src/app.ts";
import { createBus } from "../src/bus.ts";
import { createDb, createPool } from "../src/db.ts";
import { conversationReads } from "../src/marketplace/conversations.ts";
import { findListings, findListingsChangedSince } from "../src/marketplace/listings.ts";
import { createMetrics, type Metrics } from "../src/metrics.ts";
import { Hub } from "../src/stream/hub.ts";
import { createReads } from "../src/stream/reads.ts";
import type { Stream } from "../src/stream/stream.ts";
import { postForm, signIn } from "./cast.ts";
import { startProxy } from "./faults/proxy.ts";
import { ROUTED } from "./routed.ts";
import { openSse, type SseClient } from "./sse.ts";
import type { World } from "./world.ts";

export type TestServer = {
  url: string;
  /** Its only hub, or with two web processes one of them. */
  hub: Hub;
  hubs: Hub[];
  metrics: Metrics[];
  /** The live streams of all hubs. */
  streams(): Stream[];
  /** Signs in through the form. @returns the cookie */
  signIn(person: Viewer): Promise<string>;
  /** Opens a person's stream: resolves when it has said hello. */
  stream(cookie: string, query?: string): Promise<SseClient>;
  /** Posts a form as our own pages do. */
  post(
    path: string,
    cookie: string,
    fields?: Record<string, string>,
    headers?: Record<string, string>,
  ): Promise<Response>;
  close(): Promise<void>;
};

/**
 * The web application of a world, listening on a port of its own, with a hub. With WEBS=2 it is two of them, each with
 * its own hub, pool and bus, and each request goes to either by chance.
 */
export async function serve(world: World): Promise<TestServer> {
  if (!ROUTED) return testServer([await listen(world)]);
  const webs = [await listen(ownParts(world)), await listen(ownParts(world))];
  return testServer(webs, await startProxy(() => webs.map(({ port }) => port)));
}

type Parts = Pick<World, "config" | "pool" | "db" | "bus" | "log" | "hashCost">;
type Web = { port: number; hub: Hub; metrics: Metrics; close(): Promise<void> };

async function listen(parts: Parts & { end?: () => Promise<void> }): Promise<Web> {
  const { db, bus, log, end } = parts;
  const cards = {
    find: (ids: number[]) => findListings(db, ids),
    changedSince: (since: Date, limit: number) => findListingsChangedSince(db, since, limit),
  };
  const metrics = createMetrics();
  const reads = createReads(db);
  const hub = new Hub({ db, bus, log, metrics, cards, talks: conversationReads(db), reads });
  await hub.start();
  const server = createServer(createApp({ ...parts, hub, metrics, cards, reads }));
  // Each request comes on a connection of its own, so that it may go elsewhere than the one before.
  if (ROUTED) server.maxRequestsPerSocket = 1;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    hub,
    metrics,
    async close() {
      await hub.close(0);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await end?.();
    },
  };
}

function ownParts({ config, log, hashCost }: World): Parts & { end(): Promise<void> } {
  const pool = createPool(config, 10, "request");
  const db = createDb(pool);
  const bus = createBus(config, log);
  return { config, log, hashCost, pool, db, bus, end: () => Promise.all([bus.close(), db.destroy()]).then(() => {}) };
}

function testServer(webs: Web[], router?: { url: string; close(): Promise<void> }): TestServer {
  const [first] = webs;
  if (!first) throw new Error("nothing serves");
  const url = router?.url ?? `http://127.0.0.1:${first.port}`;
  const opened: SseClient[] = [];
  return {
    url,
    hub: first.hub,
    hubs: webs.map(({ hub }) => hub),
    metrics: webs.map(({ metrics }) => metrics),
    streams: () => webs.flatMap(({ hub }) => [...hub.streams]),
    post: (path, cookie, fields, headers) => postForm(url + path, cookie, fields, headers),
    signIn: (person) => signIn(url, person),
    async stream(cookie, query = "") {
      const client = await openSse(`${url}/stream${query}`, { cookie });
      opened.push(client);
      await client.next(({ event }) => event === "hello");
      return client;
    },
    async close() {
      for (const client of opened) client.close();
      await Promise.all(webs.map((web) => web.close()));
      await router?.close();
    },
  };
}
