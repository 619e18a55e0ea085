import { type ColumnType, type Generated, Kysely, PostgresDialect, type Transaction } from "kysely";
import pg from "pg";
import { databaseLink, type LinkSettings } from "./config.ts";
import type { AnnouncedTo, EventKind, EventRow, NetEdits } from "./events/catalogue.ts";
import { prepareStatements } from "./prepared.ts";

// Ids and money are bigint in the tables and far below 2^53 in life.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

export type Role = "buyer" | "seller" | "admin";
export type ListingStatus = "available" | "reserved" | "sold" | "withdrawn";
export type AnnouncementState = "sending" | "stopped" | "sent" | "recalling" | "recalled";
export type ReservationEnd = "released" | "expired" | "sold" | "withdrawn";
type Given<T> = Generated<T>;

export interface Database {
  users: {
    id: Given<number>;
    email: string;
    name: string;
    company: string;
    role: Role;
    password_hash: string;
    status: Given<"active" | "suspended">;
    created_at: Given<Date>;
  };
  sessions: { sid: string; sess: unknown; expire: Date };
  listings: {
    id: Given<number>;
    seller_id: number;
    title: string;
    description: string;
    category: string;
    quantity: number;
    unit: string;
    price_minor: number;
    currency: string;
    location: string;
    status: Given<ListingStatus>;
    version: Given<number>;
    reserved_for: number | null;
    reserved_until: Date | null;
    created_at: Given<Date>;
    updated_at: Given<Date>;
    search: Given<unknown>;
  };
  reservations: {
    id: Given<number>;
    listing_id: number;
    buyer_id: number;
    reserved_at: Given<Date>;
    expires_at: Date;
    ended_at: Date | null;
    outcome: ReservationEnd | null;
    warn_at: Date | null;
    warned_at: Date | null;
  };
  enquiries: {
    id: Given<number>;
    listing_id: number;
    buyer_id: number;
    created_at: Given<Date>;
    /** From here on the database keeps it up itself, with each message. */
    last_message_at: Given<Date>;
    seller_id: Given<number>;
    /** When the first message was sent that the seller has not answered. */
    waiting_since: Date | null;
    /** The last of the other's messages that each has seen, and when that was. */
    buyer_seen_id: Given<number>;
    buyer_seen_at: Date | null;
    seller_seen_id: Given<number>;
    seller_seen_at: Date | null;
    /** When a message was last written or seen. */
    moved_at: Given<Date>;
  };
  messages: {
    id: Given<number>;
    enquiry_id: number;
    author_id: number;
    body: string;
    sent_at: Given<Date>;
  };
  watches: { user_id: number; listing_id: number; created_at: Given<Date> };
  events: {
    id: Given<number>;
    kind: EventKind;
    actor_id: number | null;
    listing_id: number | null;
    enquiry_id: number | null;
    data: ColumnType<EventRow["data"], string, never>;
    occurred_at: Given<Date>;
    delivered_at: Date | null;
    left_lane_at: Date | null;
    published_at: Date | null;
  };
  /** When a notification was written to a stream and shown on a screen, as far as that is known; `live` without a detour. */
  sightings: {
    recipient_id: number;
    seq: number;
    written_at: Date | null;
    shown_at: Date | null;
    live: Given<boolean>;
  };
  /** Whom an event concerned who was not told of it, and why. */
  refusals: { event_id: number; user_id: number; reason: string; why: string };
  inboxes: {
    user_id: number;
    last_seq: Given<number>;
    unread: Given<number>;
    unseen: Given<number>;
    seen_seq: Given<number>;
    delivered_seq: Given<number>;
    revision: Given<number>;
    /** Notifications up to this number may have been deleted. */
    floor_seq: Given<number>;
  };
  notifications: {
    recipient_id: number;
    seq: number;
    event_id: number;
    reason: string;
    created_at: Given<Date>;
    read_at: Date | null;
    archived_at: Date | null;
    superseded_at: Date | null;
    quiet: Given<boolean>;
    toasted_at: Date | null;
    edits_of: number | null;
    edits: NetEdits | null;
  };
  preferences: {
    user_id: number;
    quiet_from: string | null;
    quiet_to: string | null;
    time_zone: Given<string>;
    keep_toasts: Given<boolean>;
  };
  kind_preferences: {
    user_id: number;
    kind: EventKind;
    shown: "inbox" | "off";
    /** Kept by the database itself; null for choices from before that. */
    since: Given<Date | null>;
  };
  throttles: { key: string; level: number; free_at: Date; touched_at: Date };
  audit_log: {
    id: Given<number>;
    at: Given<Date>;
    action: string;
    actor_id: number | null;
    subject_id: number | null;
    address: string | null;
    request_id: string | null;
    details: ColumnType<Record<string, unknown>, string, never>;
  };
  announcements: {
    id: Given<number>;
    /** The form's: one form sends once. */
    token: string;
    event_id: number;
    audience: AnnouncedTo;
    state: Given<AnnouncementState>;
    /** Goes up with every change of state. */
    version: Given<number>;
    /** How many it is for, and the highest id among them: who comes later is not told. */
    total: number;
    last_user_id: number;
    /** Up to which id people have been told, and how many have. */
    sent_up_to: Given<number>;
    told: Given<number>;
    /** Up to which id it has been taken back, and from how many. */
    recalled_up_to: Given<number>;
    taken_back: Given<number>;
    recalled_at: Date | null;
    created_at: Given<Date>;
    /** When it last changed in any way: set by the database. */
    moved_at: Given<Date>;
  };
  mutes: { user_id: number; listing_id: number; created_at: Given<Date> };
  pulses: {
    process: string;
    minute: Date;
    kind: "web" | "worker";
    release: string;
    host: string;
    pid: number;
    started_at: Date;
    at: Date;
    ended: Given<boolean>;
    bus_up: boolean;
    streams: ColumnType<Partial<Record<Role, number>>, string, string>;
    polling: number;
    /** How many were written to a stream, and shown on a screen, within each bound of DELIVERY_SECONDS, and beyond. */
    written: number[];
    shown: number[];
    catchups: number;
    cuts: number;
  };
  /** What has ended: written by the database itself, since the moment in past_kept. */
  past_states: {
    id: Given<number>;
    about: "watch" | "mute" | "choice" | "account";
    user_id: number;
    listing_id: number | null;
    kind: string | null;
    shown: string | null;
    role: string | null;
    status: string | null;
    since: Date | null;
    until: Given<Date>;
  };
  past_kept: { since: Given<Date> };
  proofs: {
    id: Given<number>;
    begun_at: Date;
    ended_at: Given<Date>;
    since: Date;
    by: number | null;
    events: number;
    recipients: number;
    not_judged: number;
    leaks: number;
    lost: number;
    other_reasons: number;
    no_rule: number;
    undelivered: number;
    differences: ColumnType<unknown[], string, never>;
    waiting: ColumnType<number[], string, never>;
  };
}

/** The database, or a transaction in it: what every query function takes first. */
export type Db = Kysely<Database> | Transaction<Database>;
export type Trx = Transaction<Database>;

/** Values as Postgres writes an array of them, for its parameters: of ten thousand much cheaper than one by one. */
export function arrayOf(values: (number | boolean | Role)[]): string {
  return `{${values.join()}}`;
}

// Who waits for a page goes away after some seconds: the database has answered by then, or it is too late. A job may take
// longer, as when ten thousand people are told of one event. A migration takes as long as it takes.
const PATIENCE = {
  request: { connectionTimeoutMillis: 2500, statement_timeout: 3000, query_timeout: 3500 },
  job: { connectionTimeoutMillis: 4000, statement_timeout: 15_000, query_timeout: 17_000 },
  migration: { connectionTimeoutMillis: 4000 },
};
const UNANSWERED = "Query read timeout";

/**
 * A pool of connections with time-outs, so that a slow or dead database makes a request fail and never hang.
 * @param max connections at the most
 * @param patience what the connections are for, which says how long they wait
 */
export function createPool(config: LinkSettings, max: number, patience: keyof typeof PATIENCE = "job"): pg.Pool {
  const pool = new pg.Pool({
    ...databaseLink(config),
    max,
    ...PATIENCE[patience],
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
    application_name: "stockbell",
  });
  // An idle connection that breaks is replaced at the next query; without a listener it would end the process.
  pool.on("error", () => {});
  pool.on("connect", (client) => {
    client.on("error", () => {});
    endIfUnanswered(client);
  });
  prepareStatements(pool);
  return pool;
}

/** Kysely over a pool; `destroy()` ends the pool as well. */
export function createDb(pool: pg.Pool): Kysely<Database> {
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
}

// pg keeps a connection whose query was given up, and the next query would wait behind that one for ever.
function endIfUnanswered(client: pg.PoolClient): void {
  const query = client.query.bind(client) as (...given: unknown[]) => unknown;
  client.query = ((...given: unknown[]) => {
    const answer = query(...given);
    if (answer instanceof Promise) {
      answer.catch((error: Error) => {
        if (error.message === UNANSWERED) void client.end();
      });
    }
    return answer;
  }) as pg.PoolClient["query"];
}
