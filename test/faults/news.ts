import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { findListings } from "../../src/marketplace/listings.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { relistListing, withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { createPerson, publishedListing, signIn } from "../cast.ts";
import { type Fleet, inboxOf } from "../fleet/fleet.ts";
import { type TestProcess, until } from "../processes.ts";
import { seqsOf } from "../sse.ts";
import { openReader, type Reader } from "./reader.ts";

const EVERY_MS = 200;
const readers: Reader[] = [];

/** Closes whatever was opened here. */
export function closeScreens(): void {
  for (const reader of readers.splice(0)) reader.close();
}

/** Something happens five times a second, and a watcher at each web process, and an admin, have it on their screens. */
export async function startNews(fleet: Fleet, webs: TestProcess[]) {
  const { db, cast } = fleet.world;
  const person = await createPerson(db, { role: "buyer" });
  const { id } = await publishedListing(db, cast.sol);
  await watchListing(db, person, id);
  const screens = await Promise.all(webs.map((web) => screenOf(web, person)));
  const admin = await screenOf(webs[0], cast.ada);
  const happened: number[] = [];
  let going = true;
  const ended = (async () => {
    for (; going; await pause(EVERY_MS)) {
      await change(fleet, id);
      happened.push(Date.now());
    }
  })();
  const delays = (since: number) =>
    screens
      .flatMap((screen) =>
        arrivals(screen).map((at, index) => ({ since: happened[index] ?? 0, ms: at - (happened[index] ?? 0) })),
      )
      .filter((delay) => delay.since >= since);

  return {
    /** Waits until what has just happened is on all screens at once. */
    flowing: (since: number) =>
      until(() => delays(since).filter(({ ms }) => ms < 1000).length >= 5 * screens.length, 10_000),
    longestWithout(kind: string, from: number, to: number): number {
      const of = kind === "oversight" ? admin : (screens[0] ?? admin);
      const times = of.events.filter(({ event, at }) => event === kind && at > from && at < to).map(({ at }) => at);
      return Math.max(...[...times, to].map((at, index) => at - (times[index - 1] ?? from)));
    },
    /** Ends it. @returns the longest wait of all, and how long after `back` the last one of a second or more was */
    async stop(back: number): Promise<{ late: number; live: number }> {
      going = false;
      await ended;
      await fleet.allDelivered();
      const inbox = await inboxOf(fleet.world, person);
      for (const screen of screens) {
        await until(() => screen.seqs().length >= inbox.length);
        expect(screen.seqs()).toEqual(happened.map((_, index) => index + 1));
        expect({ repeats: screen.repeats(), attempts: screen.attempts() }).toEqual({ repeats: 0, attempts: 1 });
      }
      const slow = delays(back).filter(({ ms }) => ms >= 1000);
      return {
        late: Math.max(...delays(0).map(({ ms }) => ms)),
        live: Math.max(0, ...slow.map(({ since }) => since - back + EVERY_MS)),
      };
    },
  };
}

async function screenOf(web: TestProcess | undefined, person: Viewer): Promise<Reader> {
  const cookie = await signIn(web?.url ?? "", person);
  const reader = openReader(() => web?.url ?? "", cookie);
  readers.push(reader);
  await until(() => reader.state() === "live");
  return reader;
}

async function change(fleet: Fleet, id: number): Promise<void> {
  const { db, cast } = fleet.world;
  const [listing] = await findListings(db, [id]);
  if (listing?.status === "withdrawn") await relistListing(db, cast.sol, listing);
  else if (listing) await withdrawListing(db, cast.sol, listing);
}

/** When each number came, in their order. */
function arrivals(screen: Reader): number[] {
  return screen.events.flatMap((event) => seqsOf(event).map(() => event.at));
}
