import { createHmac, randomBytes } from "node:crypto";
import { connect } from "node:net";
import { sql } from "kysely";
import { findEvent, type LoggedEvent } from "../../src/events/log.ts";
import { type Ring, writeNews } from "../../src/notifications/messages.ts";
import { createCrowd, publishedListing } from "../cast.ts";
import { createParser, seqsOf } from "../sse.ts";
import type { World } from "../world.ts";

export type Telling = Awaited<ReturnType<typeof createTelling>>;
export type Member = { id: number; cookie: string };

/** Many buyers, signed in: with sessions as the form makes them, but without the price of a password check for each. */
export async function signedInCrowd({ db, config }: World, size: number): Promise<Member[]> {
  const [secret = ""] = config.sessionSecrets;
  const members = (await createCrowd(db, size)).map(({ id }) => {
    const sid = randomBytes(24).toString("base64url");
    const signature = createHmac("sha256", secret).update(sid).digest("base64").replace(/=+$/, "");
    return { id, sid, cookie: `stockbell=${encodeURIComponent(`s:${sid}.${signature}`)}` };
  });
  await sql`
    insert into sessions (sid, sess, expire)
    select sid, jsonb_build_object('cookie', jsonb_build_object('path', '/', 'httpOnly', true),
      'passport', jsonb_build_object('user', id)), now() + interval '1 hour'
    from unnest(${members.map(({ sid }) => sid)}::text[], ${members.map(({ id }) => id)}::bigint[]) as made (sid, id)`.execute(
    db,
  );
  return members;
}

/** What an ear heard: a number, and the fragment that brought it. Only what happened since its hello is live. */
type Heard = (seq: number, fragment: string, live: boolean) => void;

export type Ear = {
  seqs: number[];
  /** When its heartbeats came. */
  beats: number[];
  /** The last number that it was told, whichever connection brought it. */
  cursor(): number;
  /** Resolves when the server has said hello. */
  opened: Promise<string>;
  closed: Promise<void>;
  pause(): void;
  resume(): void;
  close(): void;
};

/**
 * A stream with next to nothing around it, so that a thousand of them leave room for what is measured.
 * @param cursor where it goes on from
 * @param heard called with each number, at once
 */
export function openEar(port: number, cookie: string, cursor: number, heard: Heard = () => {}): Ear {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const hello = Promise.withResolvers<string>();
  const closed = Promise.withResolvers<void>();
  const seqs: number[] = [];
  const beats: number[] = [];
  let last = 0;
  const parse = createParser((event) => {
    if (event.event === "heartbeat") beats.push(Date.now());
    if (event.event === "hello") {
      last = JSON.parse(event.data).last;
      hello.resolve(event.data);
    }
    for (const seq of seqsOf(event)) {
      seqs.push(seq);
      heard(seq, event.data, seq > last);
    }
  });
  let head = "";
  const read = (text: string) => {
    head += text;
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    if (!head.startsWith("HTTP/1.1 200")) {
      hello.resolve(head);
      return void socket.destroy();
    }
    socket.off("data", read).on("data", parse);
    parse(head.slice(end + 4));
  };
  socket.setEncoding("utf8").on("data", read);
  socket.on("error", () => {});
  socket.once("close", () => {
    hello.resolve("");
    closed.resolve();
  });
  socket.write(
    `GET /stream?lastEventId=${cursor} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nCookie: ${cookie}\r\n\r\n`,
  );
  return {
    seqs,
    beats,
    cursor: () => seqs.at(-1) ?? cursor,
    opened: hello.promise,
    closed: closed.promise,
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => void socket.destroy(),
  };
}

/**
 * Notifications as the worker stores and rings for them, but many with one statement, so that the telling of them is
 * what costs.
 * @param most how many a single person can be given
 * @param title of the stock that they are about
 */
export async function createTelling({ db, bus, cast }: World, most: number, title = "Copper") {
  const listing = await publishedListing(db, cast.sol);
  const { rows } = await sql<{ id: number }>`
    insert into events (kind, actor_id, listing_id, data, delivered_at)
    select 'listing_withdrawn', ${cast.sol.id}, ${listing.id},
      jsonb_build_object('title', ${`${title} `} || n, 'sellerId', ${cast.sol.id}::bigint, 'buyerId', null), now()
    from generate_series(1, ${most}::int) n returning id`.execute(db);
  const first = Math.min(...rows.map(({ id }) => id));
  const event = (await findEvent(db, first)) as LoggedEvent;
  const given = new Map<number, number>();

  return {
    /** The number that a person was given last. */
    lastOf: (id: number) => given.get(id) ?? 0,
    /** Gives each of these people so many more, and rings. @param about called with each before the bell */
    async tell(people: number[], times = 1, about: (id: number, seq: number) => void = () => {}): Promise<void> {
      await sql`
        with bumped as (
          update inboxes set last_seq = last_seq + ${times}, unread = unread + ${times}, unseen = unseen + ${times}, revision = revision + ${times}
          where user_id = any(${people}::bigint[]) returning user_id, last_seq)
        insert into notifications (recipient_id, seq, event_id, reason)
        select user_id, last_seq - n, ${first} + last_seq - n - 1, 'watching' from bumped, generate_series(0, ${times - 1}::int) n`.execute(
        db,
      );
      const rings: Ring[] = [];
      for (const id of people) {
        const before = given.get(id) ?? 0;
        given.set(id, before + times);
        for (let seq = before + 1; seq <= before + times; seq += 1) {
          about(id, seq);
          rings.push(bell(id, seq));
        }
      }
      await bus.publish(writeNews(event, rings).map((body) => ({ channel: "events", body })));
    },
  };

  function bell(userId: number, seq: number): Ring {
    return { userId, eventId: first, seq, reason: "watching", unseen: seq, revision: seq };
  }
}
