import { EventEmitter } from "node:events";
import { Redis } from "ioredis";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";
import { together } from "./together.ts";

type BusMessage = { channel: string; body: string };

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
  onMessage(listener: (channel: string, body: string) => void): void;
  onUp(listener: () => void): void;
  readonly up: boolean;
  close(): Promise<void>;
}

/** A bus for one process: Redis where REDIS_URL is set, else within the process. */
export function createBus(config: Pick<Config, "redisUrl" | "redisCa" | "unverifiedTls">, log: Log): Bus {
  return config.redisUrl ? createRedisBus(config.redisUrl, config, log) : createLocalBus();
}

function createLocalBus(): Bus {
  const emitter = new EventEmitter().setMaxListeners(0);
  const channels = new Set<string>();
  return {
    up: true,
    async publish(messages) {
      for (const { channel, body } of messages) {
        if (channels.has(channel)) setImmediate(() => emitter.emit("message", channel, body));
      }
    },
    async subscribe(channel) {
      channels.add(channel);
    },
    unsubscribe: (channel) => void channels.delete(channel),
    onMessage: (listener) => void emitter.on("message", listener),
    onUp() {},
    async close() {
      emitter.removeAllListeners();
    },
  };
}

// A Redis that does not answer holds up a job once for so long; then its connection is given up, and until there is a new
// one every bell fails at once.
const PATIENCE_MS = 2000;
const LISTEN_EVERY_MS = 2000;

function createRedisBus(url: string, config: Pick<Config, "redisCa" | "unverifiedTls">, log: Log): Bus {
  // Pub/sub knows no databases, so the address's number is put before each channel: two installations may share a Redis.
  const space = `stockbell${new URL(url).pathname.replace(/^\/0?$/, "")}:`;
  const options = {
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    connectTimeout: 4000,
    commandTimeout: PATIENCE_MS,
    disconnectTimeout: 200,
    keepAlive: 10_000,
    retryStrategy: (attempt: number) => Math.min(100 * 2 ** Math.min(attempt, 5), 1500) * (0.5 + Math.random() / 2),
    ...tlsOf(url, config),
  };
  const publisher = new Redis(url, { ...options, enableAutoPipelining: true });
  const subscriber = new Redis(url, { ...options, autoResubscribe: false });
  const emitter = new EventEmitter().setMaxListeners(0);
  const channels = new Set<string>();
  let up = false;

  subscriber.on("ready", () => void resubscribe());
  subscriber.on("close", () => {
    if (up) log.warn("the bus is down");
    up = false;
  });
  subscriber.on("message", (channel: string, body: string) => {
    emitter.emit("message", channel.slice(space.length), body);
  });
  // Whoever has left meanwhile is not subscribed to behind their back.
  const subscribeTogether = together(async (asked: string[]) => {
    const wanted = asked.filter((channel) => channels.has(channel)).map((channel) => space + channel);
    if (wanted.length > 0) await subscriber.subscribe(...wanted);
    return new Map();
  });
  quietly(publisher);
  quietly(subscriber);
  const listening = setInterval(() => void checkHearing(), LISTEN_EVERY_MS).unref();

  return {
    get up() {
      return up;
    },
    async publish(messages) {
      if (publisher.status !== "ready") throw new Error("Redis is away");
      const pipeline = publisher.pipeline();
      for (const { channel, body } of messages) pipeline.publish(space + channel, body);
      const results = await pipeline.exec();
      const failure = results?.find(([error]) => error)?.[0];
      if (!failure) return;
      if (publisher.status === "ready") publisher.disconnect(true);
      throw failure;
    },
    async subscribe(channel) {
      channels.add(channel);
      if (subscriber.status === "ready") await subscribeTogether(channel).catch(() => hearAnew());
    },
    unsubscribe(channel) {
      channels.delete(channel);
      if (subscriber.status === "ready") subscriber.unsubscribe(space + channel).catch(() => {});
    },
    onMessage: (listener) => void emitter.on("message", listener),
    onUp: (listener) => void emitter.on("up", listener),
    async close() {
      clearInterval(listening);
      emitter.removeAllListeners();
      publisher.disconnect();
      subscriber.disconnect();
    },
  };

  async function resubscribe(): Promise<void> {
    try {
      const wanted = [...channels].map((channel) => space + channel);
      for (let at = 0; at < wanted.length; at += 1000) await subscriber.subscribe(...wanted.slice(at, at + 1000));
      up = true;
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

  // Redis away is a state, not an error a line: ioredis tells of each attempt, which is twice a second for hours.
  function quietly(client: Redis): void {
    let said = 0;
    client.on("error", (error: Error) => {
      if (Date.now() - said < 5000) return;
      said = Date.now();
      log.warn({ reason: error.message }, "Redis cannot be reached");
    });
  }
}

function tlsOf(url: string, config: Pick<Config, "redisCa" | "unverifiedTls">) {
  if (!url.startsWith("rediss:")) return {};
  if (config.redisCa) return { tls: { ca: config.redisCa } };
  return { tls: { rejectUnauthorized: !config.unverifiedTls.includes("redis") } };
}
