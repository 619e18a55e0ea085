import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import type { Config } from "./config.ts";
import { HEARING_PACE, type HearingPace, startHearing } from "./hearing.ts";
import type { Log } from "./log.ts";
import { type BusMessage, bundled, channelsOf, HEARD_BY_ALL, inOneTurn, SEVERAL } from "./one-turn.ts";
import { connectRedis } from "./redis.ts";
import { together } from "./together.ts";

/**
 * The doorbell between processes. It may lose, double or reorder: Postgres is the truth, and whoever listens checks
 * numbers. `onUp` is called each time that messages may have been missed and now flow again.
 */
export interface Bus {
  /** @throws when the bell could not be rung, within two seconds at the most and at once while the bus is known to be away */
  publish(messages: BusMessage[]): Promise<void>;
  /** Resolves once the subscription is confirmed: what is published from then on is heard. While down it need not be. */
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): void;
  /** What is heard on a channel at one moment comes together, in its order. */
  onMessage(listener: (channel: string, bodies: string[]) => void): void;
  onUp(listener: () => void): void;
  /** Called when this process has been deaf for so long that only a fresh one may help. */
  onHopeless(listener: () => void): void;
  /** Whether what others publish is heard here. */
  readonly up: boolean;
  /** Redis takes what this process says to itself, and it does not hear it: see hearing.ts. */
  readonly deaf: boolean;
  /** How long it last took until it heard itself; undefined while it does not. */
  readonly roundTripMs: number | undefined;
  close(): Promise<void>;
}

type Settings = Pick<Config, "redisUrl" | "redisCa" | "unverifiedTls">;

/** A bus for one process: Redis where REDIS_URL is set, else within the process. @param pace tests are less patient */
export function createBus(config: Settings, log: Log, pace: HearingPace = HEARING_PACE): Bus {
  return config.redisUrl ? createRedisBus(config.redisUrl, config, log, pace) : createLocalBus();
}

function createLocalBus(): Bus {
  const emitter = new EventEmitter().setMaxListeners(0);
  const channels = new Set<string>();
  return {
    up: true,
    deaf: false,
    roundTripMs: 0,
    async publish(messages) {
      for (const { channel, body } of messages) {
        if (channels.has(channel)) setImmediate(() => emitter.emit("message", channel, [body]));
      }
    },
    async subscribe(channel) {
      channels.add(channel);
    },
    unsubscribe: (channel) => void channels.delete(channel),
    onMessage: (listener) => void emitter.on("message", listener),
    onUp() {},
    onHopeless() {},
    async close() {
      emitter.removeAllListeners();
    },
  };
}

const LISTEN_EVERY_MS = 2000;

function createRedisBus(url: string, config: Settings, log: Log, pace: HearingPace): Bus {
  // Pub/sub knows no databases, so the address's number is put before each channel: two installations may share a Redis.
  const space = `stockbell${new URL(url).pathname.replace(/^\/0?$/, "")}:`;
  const publisher = connectRedis(url, config, log);
  const subscriber = connectRedis(url, config, log, { autoResubscribe: false });
  const emitter = new EventEmitter().setMaxListeners(0);
  const own = `self:${randomUUID()}`;
  const ownSpaced = space + own;
  const severalSpaced = space + SEVERAL;
  const channels = new Set<string>([own]);
  let connected = false;
  const hearing = startHearing(
    {
      say: async (body) => void (await Promise.all([publisher.ping(), publisher.publish(space + own, body)])),
      listens: () => subscriber.status === "ready",
      listenAnew: hearAnew,
      speakAnew,
      onDeaf: () => log.warn("the bus is deaf: Redis takes what this process says to itself, and it does not hear it"),
      onHearing() {
        log.info("the bus hears again");
        // Between the first and the last subscription of a new connection it is the last that says so.
        if (connected) emitter.emit("up");
      },
      onHopeless: () => emitter.emit("hopeless"),
    },
    pace,
  );

  subscriber.on("ready", () => void resubscribe());
  subscriber.on("close", () => {
    if (connected && !hearing.silent) log.warn("the bus is down");
    connected = false;
  });
  subscriber.on("message", (spaced: string, body: string) => {
    // What most messages are is asked first, and of what comes as it comes: a part of a text is compared ten times slower.
    if (spaced === severalSpaced) emitter.emit("message", HEARD_BY_ALL, body.split("\n"));
    else if (spaced === ownSpaced) hearing.hear(body);
    else emitter.emit("message", spaced.slice(space.length), [body]);
  });
  // Whoever has left meanwhile is not subscribed to behind their back.
  const subscribeTogether = together(async (asked: string[]) => {
    const wanted = asked.filter((channel) => channels.has(channel)).map((channel) => space + channel);
    if (wanted.length > 0) await subscriber.subscribe(...wanted);
    return new Map();
  });
  const listening = setInterval(() => void checkHearing(), LISTEN_EVERY_MS).unref();

  return {
    get up() {
      return connected && !hearing.silent;
    },
    get deaf() {
      return hearing.deaf;
    },
    get roundTripMs() {
      return hearing.roundTripMs;
    },
    publish: inOneTurn(async (messages) => {
      if (publisher.status !== "ready") throw new Error("Redis is away");
      await Promise.all(sayTogether(bundled(messages))).catch((error) => {
        speakAnew();
        throw error;
      });
    }),
    async subscribe(channel) {
      const wanted = channelsOf(channel);
      for (const one of wanted) channels.add(one);
      if (subscriber.status === "ready") await Promise.all(wanted.map(subscribeTogether)).catch(() => hearAnew());
    },
    unsubscribe(channel) {
      channels.delete(channel);
      if (subscriber.status === "ready") subscriber.unsubscribe(space + channel).catch(() => {});
    },
    onMessage: (listener) => void emitter.on("message", listener),
    onUp: (listener) => void emitter.on("up", listener),
    onHopeless: (listener) => void emitter.on("hopeless", listener),
    async close() {
      clearInterval(listening);
      hearing.stop();
      emitter.removeAllListeners();
      publisher.disconnect();
      subscriber.disconnect();
    },
  };

  /**
   * As one write, however many there are. Of those for whom it has something, Redis writes first to whom it came last: with
   * an answer to give before it has anything to pass on, it tells those who listen before it answers whoever speaks.
   */
  function sayTogether(messages: BusMessage[]): Promise<unknown>[] {
    const { stream } = publisher;
    stream.cork();
    const answered = publisher.ping();
    const said = messages.map(({ channel, body }) => publisher.publish(space + channel, body));
    stream.uncork();
    return [answered, ...said];
  }

  async function resubscribe(): Promise<void> {
    try {
      const wanted = [...channels].map((channel) => space + channel);
      for (let at = 0; at < wanted.length; at += 1000) await subscriber.subscribe(...wanted.slice(at, at + 1000));
      connected = true;
      void hearing.ask();
      // Who has been deaf is not up before it has heard itself.
      if (hearing.silent) return;
      log.info({ channels: wanted.length }, "the bus is up");
      emitter.emit("up");
    } catch (error) {
      log.warn({ err: error }, "the bus could not subscribe again");
      hearAnew();
    }
  }

  /** A connection may stay open and bring nothing: only an answer shows that somebody would be heard. */
  async function checkHearing(): Promise<void> {
    if (subscriber.status === "ready") await subscriber.ping().catch(() => hearAnew());
  }

  function hearAnew(): void {
    if (subscriber.status === "ready") subscriber.disconnect(true);
  }

  function speakAnew(): void {
    if (publisher.status === "ready") publisher.disconnect(true);
  }
}
