import type { Express } from "express";
import { pino } from "pino";
import request from "supertest";
import type { Viewer } from "../../src/access.ts";
import { type AppParts, createApp } from "../../src/app.ts";
import type { Config } from "../../src/config.ts";
import { conversationReads } from "../../src/marketplace/conversations.ts";
import { findListings, findListingsChangedSince } from "../../src/marketplace/listings.ts";
import { createMetrics } from "../../src/metrics.ts";
import { Hub } from "../../src/stream/hub.ts";
import { createReads } from "../../src/stream/reads.ts";
import { PASSWORD } from "../cast.ts";
import { createWorld } from "../world.ts";

export { PASSWORD };

/** What a browser says of a form on one of our own pages. */
export const OWN = { "Sec-Fetch-Site": "same-origin" };

/** The web application of a world, without a port; what it logs is kept. */
export type Site = Awaited<ReturnType<typeof createSite>>;

export async function createSite(options: Parameters<typeof createWorld>[0] = {}) {
  const world = await createWorld(options);
  const lines: string[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
  const { db } = world;
  const cards = {
    find: (ids: number[]) => findListings(db, ids),
    changedSince: (since: Date, limit: number) => findListingsChangedSince(db, since, limit),
  };
  const metrics = createMetrics();
  const reads = createReads(db);
  const hub = new Hub({ ...world, metrics, cards, talks: conversationReads(db), reads });
  /** The same application with other settings, on the same database. */
  const appWith = (settings: Partial<Config>, parts: Partial<AppParts> = {}) =>
    createApp({ ...world, config: { ...world.config, ...settings }, log, hub, metrics, cards, reads, ...parts });
  return {
    world,
    db,
    app: appWith({}),
    appWith,
    hub,
    metrics,
    logged: () => lines.join(""),
    async close() {
      await hub.close(0);
      await world.close();
    },
  };
}

/** Asks for a page as a browser does. */
export function get(app: Express, path: string, cookie = "", headers: Record<string, string> = {}) {
  return request(app)
    .get(path)
    .set({ Accept: "text/html", Cookie: cookie, ...headers });
}

/** Sends a form as our own pages do. */
export function post(
  app: Express,
  path: string,
  fields: Record<string, string> = {},
  cookie = "",
  headers: Record<string, string> = OWN,
) {
  return request(app)
    .post(path)
    .type("form")
    .set({ Accept: "text/html", Cookie: cookie, ...headers })
    .send(fields);
}

/** Signs in through the form. @returns the cookie */
export async function signIn(app: Express, person: Pick<Viewer, "email">, password = PASSWORD): Promise<string> {
  const answer = await post(app, "/sign-in", { email: person.email, password });
  const cookie = cookieOf(answer);
  if (answer.status !== 303 || !cookie) throw new Error(`${person.email} could not sign in: ${answer.status}`);
  return cookie;
}

/** The cookie that an answer sets, as the browser would send it back. */
export function cookieOf(answer: { headers: Record<string, unknown> }): string | undefined {
  const [first] = (answer.headers["set-cookie"] as string[] | undefined) ?? [];
  return first?.split(";")[0];
}

/** The session id inside a cookie. */
export function sidOf(cookie: string): string {
  return /s:([^.]+)\./.exec(decodeURIComponent(cookie))?.[1] ?? "";
}

/** Whose session a cookie is, as the site sees it: the email on the account page, or null. */
export async function whoIs(app: Express, cookie: string): Promise<string | null> {
  const { status, text } = await get(app, "/account", cookie);
  if (status !== 200) return null;
  return /<dd>([^<]*@[^<]*)<\/dd>/.exec(text)?.[1] ?? null;
}
