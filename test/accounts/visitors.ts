import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Express } from "express";
import type { Viewer } from "../../src/access.ts";
import { enquire } from "../../src/marketplace/enquiries.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { failedJob } from "../poison.ts";
import { createSite, OWN, signIn } from "./site.ts";
import { ACTORS, type Actor, type Objects, rowsOf } from "./table.ts";

export type Answer = { status: number; headers: Record<string, string>; body: string };
export type Visitors = Awaited<ReturnType<typeof createVisitors>>;

/** The site with the whole cast signed in, one of them suspended since, and the objects of the table. */
export async function createVisitors() {
  const site = await createSite();
  const { db, world } = site;
  const { bea, sol } = world.cast;
  const suspended = await createPerson(db, { role: "buyer" });
  const people: Record<Exclude<Actor, "anonymous">, Viewer> = { ...world.cast, suspended };
  const cookies = new Map<Actor, string>();
  for (const actor of ACTORS) cookies.set(actor, await newCookie(actor));
  await db.updateTable("users").set({ status: "suspended" }).where("id", "=", suspended.id).execute();

  const listing = await publishedListing(db, sol);
  await watchListing(db, bea, listing.id);
  const thread = await enquire(db, bea, listing.id, "Is it still there?");
  const withdrawn = await publishedListing(db, sol);
  await withdrawListing(db, sol, withdrawn);
  const event = await db.selectFrom("events").select("id").limit(1).executeTakeFirstOrThrow();
  const objects: Objects = {
    ...{ listing: listing.id, withdrawn: withdrawn.id, thread, session: "", person: bea.id },
    event: event.id,
    ...{ job: await failedJob(db, listing.id), nothing: 987_654_321 },
  };
  const served = await listen(site.app);

  return { site, people, newCookie, ask, pathOf, close, send: served.send, url: served.url, cookieOf };

  /** Asks as one of the cast. A session that may be ended by it is made for it. */
  async function ask(
    name: string,
    object: keyof Objects,
    actor: Actor,
    headers?: Record<string, string>,
  ): Promise<Answer> {
    if (object === "session") objects.session = await nameOfNewSession();
    const [method = ""] = name.split(" ");
    const answer = await served.send(method, pathOf(name, object), cookieOf(actor), headers);
    if (/sign-out|sessions/.test(name) && actor !== "suspended") cookies.set(actor, await newCookie(actor));
    return answer;
  }

  function pathOf(name: string, object: keyof Objects): string {
    const [, path = ""] = name.split(" ");
    return path.replace(":version", "1").replace(/:\w+/, String(objects[object]));
  }

  function cookieOf(actor: Actor): string {
    return cookies.get(actor) ?? "";
  }

  async function newCookie(actor: Actor): Promise<string> {
    return actor === "anonymous" ? "" : signIn(site.app, people[actor]);
  }

  /** The name under which the account page ends a session of Bea's that nobody uses. */
  async function nameOfNewSession(): Promise<string> {
    await newCookie("bea");
    const { body } = await served.send("GET", "/account", cookieOf("bea"));
    return [...body.matchAll(/\/account\/sessions\/([^/"]+)\/end/g)].at(-1)?.[1] ?? "";
  }

  async function close(): Promise<void> {
    served.close();
    await site.close();
  }
}

/** One of the cast whom a route serves with its first object. */
export function servedBy(name: string): Actor {
  const [, verdicts] = rowsOf(name)[0] ?? [];
  const served = ACTORS.filter((_, index) => verdicts?.[index] === "yes" || verdicts?.[index] === "404");
  return served.find((actor) => actor !== "anonymous" && actor !== "suspended") ?? "anonymous";
}

/** An application on a port of its own, and how to ask it as a browser does. */
export async function listen(app: Express) {
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    close() {
      server.closeAllConnections();
      server.close();
    },
    async send(method: string, path: string, cookie: string, headers: Record<string, string> = OWN): Promise<Answer> {
      const posting = method === "GET" ? {} : { body: new URLSearchParams() };
      const response = await fetch(url + path, {
        ...{ method, redirect: "manual", ...posting },
        headers: { Accept: "text/html", Cookie: cookie, ...(method === "GET" ? {} : headers) },
      });
      const streams = response.headers.get("content-type")?.startsWith("text/event-stream");
      if (streams) await response.body?.cancel();
      const body = streams ? "" : await response.text();
      return { status: response.status, headers: Object.fromEntries(response.headers), body };
    },
  };
}
