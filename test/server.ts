import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Viewer } from "../src/access.ts";
import { createApp } from "../src/app.ts";
import { findListings, findListingsChangedSince } from "../src/marketplace/listings.ts";
import { createMetrics } from "../src/metrics.ts";
import { Hub } from "../src/stream/hub.ts";
import { postForm, signIn } from "./cast.ts";
import { openSse, type SseClient } from "./sse.ts";
import type { World } from "./world.ts";

export type TestServer = {
  url: string;
  hub: Hub;
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

/** The web application of a world, listening on a port of its own, with a hub. */
export async function serve(world: World): Promise<TestServer> {
  const { db, bus, log } = world;
  const cards = {
    find: (ids: number[]) => findListings(db, ids),
    changedSince: (since: Date, limit: number) => findListingsChangedSince(db, since, limit),
  };
  const metrics = createMetrics();
  const hub = new Hub({ db, bus, log, metrics, cards });
  await hub.start();
  const server = createServer(createApp({ ...world, hub, metrics, cards }));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const opened: SseClient[] = [];

  return {
    url,
    hub,
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
      await hub.close(0);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
