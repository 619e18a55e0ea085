import type { Kysely } from "kysely";
import type { Bus } from "../bus.ts";
import type { Database } from "../db.ts";
import type { LoggedEvent } from "../events/log.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { type Marks, type News, type Ring, readNews, readPersonal, type Seen } from "../notifications/messages.ts";
import type { StreamEnding } from "../queue.ts";
import { catchUp, note, observeDelivery, showMarks, takeAwaySince } from "./catch-up.ts";
import type { Connection, StreamEnd } from "./connection.ts";
import { type Conversations, createConversations, type Talks } from "./conversations.ts";
import { frame } from "./frames.ts";
import { startHeart } from "./heart.ts";
import { endInWaves } from "./leaving.ts";
import { inLine } from "./line.ts";
import { createMarket, type MarketCards } from "./market.ts";
import { bringNear, bringReadersNear } from "./nearby.ts";
import { createOversight } from "./oversight.ts";
import type { Reads } from "./reads.ts";
import { RecentEvents } from "./recent.ts";
import { createSightings, type Sightings } from "./sightings.ts";
import { type Person, type Stream, subscribedPerson } from "./stream.ts";
import { startSweep } from "./sweep.ts";
import { Turns } from "./turns.ts";

export type HubParts = {
  db: Kysely<Database>;
  bus: Bus;
  log: Log;
  metrics: Metrics;
  cards: MarketCards;
  talks: Talks;
  reads: Reads;
};

const HOUR = 3_600_000;
// By then the answer that brings the browser its new cookie has arrived.
const RENEWED_MS = 1500;

/**
 * All streams of one web process: who is connected, what each has been told, and what must be told next. The bus is its
 * doorbell, Postgres its truth: a number that is not the next in line makes it read.
 */
export class Hub {
  readonly people = new Map<number, Person>();
  readonly streams = new Set<Stream>();
  readonly turns = new Turns();
  /** Those for which something waits that their readers have not taken yet. */
  readonly lagging = new Set<Connection>();
  /** Those whose session may run out before their next heartbeat: it is looked at each second. */
  readonly expiring = new Set<Stream>();
  readonly talks: Conversations;
  readonly sightings: Sightings;
  readonly #admins = new Set<Stream>();
  readonly #parts: HubParts;
  readonly #market: ReturnType<typeof createMarket>;
  readonly #oversight: ReturnType<typeof createOversight>;
  readonly #recent = new RecentEvents();
  readonly #ringFor = inLine((rings) => this.#hearRings(rings));
  readonly #stops: (() => void)[];
  #closing = false;

  constructor(parts: HubParts) {
    this.#parts = parts;
    this.#market = createMarket(parts, this.streams);
    this.#oversight = createOversight(parts, this.#admins);
    this.talks = createConversations(parts, this.people);
    this.sightings = createSightings(parts);
    this.#stops = [startHeart(this), startSweep(this, parts), () => this.#market.stop()];
    parts.bus.onMessage((channel, bodies) => this.#hear(channel, bodies));
  }

  /** Listens to what concerns everybody; resolves when the bus has confirmed it. */
  async start(): Promise<void> {
    await Promise.all(["control", "events"].map((channel) => this.#parts.bus.subscribe(channel)));
  }

  get closing(): boolean {
    return this.#closing;
  }

  /**
   * Makes a stream known before anything is read for it, so that nothing can fall between: subscribe, read, go live.
   * Until goLive() the stream is written to by its opener alone.
   */
  join(given: Omit<Stream, "person" | "cursor" | "opened" | "reading" | "endsAt" | "turn">): Stream {
    const person = this.#personOf(given.userId);
    const endsAt = Date.now() + HOUR * (0.75 + Math.random() / 2);
    const stream: Stream = { ...given, person, cursor: 0, opened: false, reading: true, endsAt, turn: 0 };
    person.streams = [...person.streams, stream];
    this.streams.add(stream);
    this.turns.add(stream);
    this.expiring.add(stream);
    if (stream.role === "admin") this.#admins.add(stream);
    this.#parts.metrics.streams.inc({ role: stream.role });
    return stream;
  }

  /** The stream has been told all that its opener found; from here on it lives. */
  async goLive(stream: Stream): Promise<void> {
    stream.opened = true;
    stream.reading = false;
    stream.connection.settle();
    await this.catchUp(stream.person, stream);
  }

  /** Forgets a stream that has ended, and the person with the last of theirs. */
  leave(stream: Stream): void {
    if (!this.streams.delete(stream)) return;
    this.#admins.delete(stream);
    this.turns.delete(stream);
    this.expiring.delete(stream);
    this.#parts.metrics.streams.dec({ role: stream.role });
    const person = this.people.get(stream.userId);
    if (!person) return;
    person.streams = person.streams.filter((one) => one !== stream);
    if (person.streams.length > 0) return;
    this.people.delete(stream.userId);
    this.#parts.bus.unsubscribe(`user:${stream.userId}`);
  }

  /** Brings a stream up to date; a database that is away is asked again by the next sweep. */
  async catchUp(person: Person, stream: Stream): Promise<void> {
    await catchUp(this.#withSightings, person, stream).catch((error) => {
      this.#parts.log.warn({ err: error }, "a stream could not be brought up to date yet");
    });
  }

  /** Ends the streams of somebody who has lost the right to them; their pages say so and do not come back. */
  endStreams({ userId, sessionId, reason }: StreamEnding): void {
    for (const stream of [...(this.people.get(userId)?.streams ?? [])]) {
      if (sessionId !== undefined && stream.sessionId !== sessionId) continue;
      if (reason === "renewed") this.end(stream, "renewed", undefined, RENEWED_MS);
      else this.end(stream, "signed-out", reason);
    }
  }

  /** Ends one stream with the event that tells its page what to do: stop for good, or come back after a while. */
  end(stream: Stream, why: StreamEnd, reason = "signed-out", reconnect = 0): void {
    if (why === "signed-out") stream.connection.end(why, "signed-out", frame("signed-out", reason));
    else stream.connection.end(why, "bye", frame("bye", JSON.stringify({ reconnect })));
  }

  /** Ends every stream, evenly over `ms`, each with a delay of its own, so that nobody comes back in step. */
  async close(ms: number): Promise<void> {
    this.#closing = true;
    for (const stop of this.#stops) stop();
    const delay = () => 500 + Math.floor(Math.random() * 4500);
    await endInWaves(this.streams, ms, (stream) => this.end(stream, "deploy", undefined, delay()));
    await this.sightings.stop();
  }

  get hasAdmins(): boolean {
    return this.#admins.size > 0;
  }

  /** Sends a fragment to every admin who is connected here. @param fragmentIn makes it in a locale */
  tellAdmins(fragmentIn: (locale: string) => string): void {
    this.#oversight.tell(fragmentIn);
  }

  /** What changed and happened while the bus did not tell of it, because it or a bell-ringer was away. */
  async showChangesSince(since: Date): Promise<void> {
    if (this.streams.size === 0) return;
    await this.#market.showAllSince(since);
    await this.#oversight.showSince(since);
    await this.talks.showAllSince(since);
    await takeAwaySince(this.#parts.db, this.people.values(), since);
  }

  /** A stream that has just opened is shown what changed on the market and was said since its page was rendered. */
  async showSince(stream: Stream, since: Date): Promise<void> {
    await this.#market.showSince(stream, since);
    await this.talks.showSince(stream, since);
  }

  get #withSightings() {
    return { ...this.#parts, sightings: this.sightings };
  }

  #personOf(userId: number): Person {
    const person = this.people.get(userId) ?? subscribedPerson(this.#parts.bus, userId);
    this.people.set(userId, person);
    return person;
  }

  #hear(channel: string, bodies: string[]): void {
    if (channel === "events") return this.#hearNews(bodies.map(readNews));
    if (channel === "control") for (const body of bodies) this.endStreams(JSON.parse(body));
    else {
      const person = this.people.get(Number(channel.slice(5)));
      if (person) for (const body of bodies) this.#hearPersonal(person, readPersonal(body));
    }
  }

  #hearPersonal(person: Person, message: Marks | Seen): void {
    if (message.about === "seen") this.talks.seen(person, message);
    else void showMarks(this.#withSightings, person, message);
  }

  #hearNews(news: News[]): void {
    bringReadersNear(this.people, news);
    for (const { event, rings } of news) {
      if (event) this.#recent.add(event);
      this.#ringFor(rings);
    }
    // Those who are told of it came first: the rest takes its time anyway.
    for (const { event, at } of news) {
      if (event) this.#hearEvent(event);
      if (event && at) this.sightings.published(event.id, at);
    }
  }

  #hearEvent(event: LoggedEvent): void {
    // What is said in a thread changes no card: nobody else is to be sent one for it.
    if (event.listingId !== null && event.enquiryId === null) this.#market.changed(event.listingId);
    if (event.enquiryId !== null) void this.talks.happened(event);
    this.#oversight.happened(event);
  }

  #hearRings(rings: Ring[]): void {
    if (rings.length > 1) bringNear(this.people, rings);
    for (const ring of rings) this.#hearRing(ring);
  }

  #hearRing(ring: Ring): void {
    const person = this.people.get(ring.userId);
    if (!person) return;
    note(person, { lastSeq: ring.seq, unseen: ring.unseen, revision: ring.revision });
    for (const stream of person.streams) {
      // While a slow database is being read, what is next in line goes out all the same.
      if (!stream.opened || ring.seq <= stream.cursor) continue;
      const bytes = ring.seq === stream.cursor + 1 ? this.#recent.frameOf(ring, stream.locale, person) : undefined;
      if (bytes === undefined) void this.catchUp(person, stream);
      else {
        stream.cursor = ring.seq;
        stream.connection.send(ring.quiet ? "inbox" : "toast", bytes);
        // A reader who is too slow is cut instead: they have not been sent it.
        if (stream.connection.ended) continue;
        this.sightings.written(ring.userId, ring.seq, true);
        observeDelivery(this.#parts.metrics, this.#recent.find(ring.eventId));
      }
    }
  }
}
