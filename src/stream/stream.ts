import type { Role } from "../db.ts";
import type { Connection } from "./connection.ts";

/** One open stream: whose it is, by which session, and how far it has been told. */
export type Stream = {
  readonly connection: Connection;
  readonly userId: number;
  readonly role: Role;
  readonly sessionId: string;
  readonly locale: string;
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
  readonly streams: Set<Stream>;
  readonly subscribed: Promise<void>;
  /** The highest number heard of. */
  last: number;
  unseen: number;
  revision: number;
  /** The number up to which the database knows them to have been told. */
  noted: number;
};
