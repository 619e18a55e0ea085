import type { Bus } from "../bus.ts";
import type { Role } from "../db.ts";
import type { Connection } from "./connection.ts";

/** One open stream: whose it is, by which session, and how far it has been told. */
export type Stream = {
  readonly connection: Connection;
  readonly person: Person;
  readonly userId: number;
  readonly role: Role;
  readonly sessionId: string;
  readonly locale: string;
  /** The name of the request that opened it, by which the log speaks of it. */
  readonly request: string;
  /** When its session runs out unless that is prolonged, in ms. */
  expiresAt: number;
  /** When it has lived long enough, in ms. */
  readonly endsAt: number;
  /** The last number that was written to it. */
  cursor: number;
  /** Its first event, hello, has been written. */
  opened: boolean;
  /** When its heart beats: see heart.ts. */
  turn: number;
  /** A read of what it missed is under way. */
  reading: boolean;
};

/** A person with streams open here, and what is known of their inbox. */
export type Person = {
  readonly userId: number;
  /** Another list when one leaves: whoever goes through it may cut one of them. */
  streams: readonly Stream[];
  readonly subscribed: Promise<void>;
  /** The highest number heard of. */
  last: number;
  unseen: number;
  revision: number;
  /** The number up to which the database knows them to have been told. */
  noted: number;
};

const SUBSCRIBED_MS = 250;

/** Somebody whose first stream opens here: from now on the bus tells of what concerns them alone. */
export function subscribedPerson(bus: Bus, userId: number): Person {
  // A bus that does not answer holds up no stream: what it does not ring for is found by the sweep.
  const subscribed = Promise.race([
    bus.subscribe(`user:${userId}`).catch(() => {}),
    new Promise<void>((resolve) => setTimeout(resolve, SUBSCRIBED_MS).unref()),
  ]);
  return { userId, streams: [], subscribed, last: 0, unseen: 0, revision: 0, noted: 0 };
}
