import { Redis } from "ioredis";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";

// A Redis that does not answer holds up a job once for so long; then its connection is given up, and until there is a new
// one every bell fails at once.
const PATIENCE_MS = 2000;

/** One connection to Redis that comes back by itself, fails at once while it is away, and says so now and then. */
export function connectRedis(
  url: string,
  config: Pick<Config, "redisCa" | "unverifiedTls">,
  log: Log,
  more: { autoResubscribe?: boolean } = {},
): Redis {
  const client = new Redis(url, {
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    connectTimeout: 4000,
    commandTimeout: PATIENCE_MS,
    disconnectTimeout: 200,
    keepAlive: 10_000,
    retryStrategy: (attempt: number) => Math.min(100 * 2 ** Math.min(attempt, 5), 1500) * (0.5 + Math.random() / 2),
    ...tlsOf(url, config),
    ...more,
  });
  quietly(client, log);
  return client;
}

// Redis away is a state, not an error a line: ioredis tells of each attempt, which is twice a second for hours.
function quietly(client: Redis, log: Log): void {
  let said = 0;
  client.on("error", (error: Error) => {
    // ioredis listens for the first error of a connection only; refused TLS that is given up meanwhile has a second one, which
    // would end the process.
    client.stream?.on("error", () => {});
    if (Date.now() - said < 5000) return;
    said = Date.now();
    log.warn({ reason: error.message }, "Redis cannot be reached");
  });
}

function tlsOf(url: string, config: Pick<Config, "redisCa" | "unverifiedTls">) {
  if (!url.startsWith("rediss:")) return {};
  if (config.redisCa) return { tls: { ca: config.redisCa } };
  return { tls: { rejectUnauthorized: !config.unverifiedTls.includes("redis") } };
}
