import { type ChildProcess, fork } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import { createBus } from "../src/bus.ts";
import { startPostgres } from "../src/embedded.ts";
import { createLog } from "../src/log.ts";
import { migrate } from "../src/migrate.ts";
import { prepareStatements } from "../src/prepared.ts";
import { freePort, startProcess, type TestProcess } from "../test/processes.ts";
import { startRedis } from "../test/redis.ts";
import type { Ask, Report, Seat } from "./crowd.ts";
import { WEB_FLAGS } from "./flags.ts";

const SECRET = "of the benchmark alone: it signs nothing else";

export type Stage = Awaited<ReturnType<typeof startStage>>;
export type Crowd = Awaited<ReturnType<typeof startCrowd>>;
type Server = TestProcess & { port: number };

/** Postgres, Redis and people: what the product's processes stand on, with nothing left of it afterwards. */
export async function startStage(people: number) {
  const folder = await mkdtemp(join(tmpdir(), "stockbell-bench-"));
  const postgres = await startPostgres({ dir: join(folder, "postgres"), settings: { shared_buffers: "256MB" } });
  const redis = await startRedis();
  const running: { stop(signal: NodeJS.Signals): Promise<unknown> }[] = [];
  await migrate({ databaseUrl: postgres.url, databaseCa: undefined, unverifiedTls: [] });
  const pool = new pg.Pool({ connectionString: postgres.url, max: 20 });
  // Its connections end with the server.
  pool.on("error", () => {});
  // What a seller's click would have prepared.
  prepareStatements(pool);
  await populate(pool, people);
  const postgresPid = Number((await readFile(join(folder, "postgres", "postmaster.pid"), "utf8")).split("\n")[0]);
  const bell = new Redis(redis.url, { enableAutoPipelining: true });
  // As a worker has it.
  const bus = createBus({ redisUrl: redis.url, redisCa: undefined, unverifiedTls: [] }, createLog("bench", "silent"));
  const common = { DATABASE_URL: postgres.url, REDIS_URL: redis.url, SESSION_SECRET: SECRET };

  async function start(file: string, env: Record<string, string>, flags: string[] = []): Promise<Server> {
    const port = Number(env.PORT ?? (await freePort()));
    const server = await startProcess(file, { flags, env: { ...common, PORT: String(port), ...env } });
    running.push(server);
    await server.waitForLog(/listens|takes jobs/, 30_000);
    return { ...server, port };
  }

  return {
    ...{ pool, bell, bus, postgresPid },
    web: (port?: number) =>
      start("src/web.ts", { STREAM_MAX: "100000", ...(port ? { PORT: String(port) } : {}) }, WEB_FLAGS),
    worker: () => start("src/worker.ts", {}),
    raw: () => start("bench/raw.ts", {}),
    /** Everybody's seat on a server, from the first to the last of these users. */
    seats: (port: number, from: number, to: number): Seat[] =>
      Array.from({ length: to - from + 1 }, (_, n) => seatOf(port, from + n)),
    async stop() {
      await Promise.all(running.map((server) => server.stop("SIGKILL")));
      await pool.end();
      bell.disconnect();
      await bus.close();
      await postgres.stop();
      await redis.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A load client in a process of its own. */
export async function startCrowd() {
  const child: ChildProcess = fork(join(import.meta.dirname, "crowd.ts"), { execArgv: [] });
  await once(child, "spawn");
  async function ask<T>(question: Ask): Promise<T> {
    const answered = once(child, "message");
    child.send(question);
    const [{ answer }] = await answered;
    return answer;
  }
  return {
    /** @returns the seconds until all were open */
    open: (seats: Seat[], atOnce = 4000, comeBack = false) => ask<number>({ do: "open", seats, atOnce, comeBack }),
    listen: () => ask({ do: "listen" }),
    /** @returns when so many had been heard, in seconds of the machine's clock; null if not in time */
    heard: (count: number, ms = 30_000) => ask<number | null>({ do: "heard", count, ms }),
    allOpen: (ms = 60_000) => ask<number | null>({ do: "allOpen", ms }),
    report: () => ask<Report>({ do: "report" }),
    async stop() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

function seatOf(port: number, user: number): Seat {
  const sid = `bench-${user}`;
  const signature = createHmac("sha256", SECRET).update(sid).digest("base64").replace(/=+$/, "");
  const cookie = `stockbell=${encodeURIComponent(`s:${sid}.${signature}`)}`;
  return { port, path: `/stream?user=${user}`, cookie, cursor: 0 };
}

/** Buyers with the ids from one on, each signed in, and after them as many sellers as there are hundreds of buyers. */
async function populate(pool: pg.Pool, buyers: number): Promise<void> {
  await pool.query(
    `insert into users (email, name, company, role, password_hash)
     select 'user-' || n || '@bench.test', 'User ' || n, 'Company ' || n,
       case when n > $1 then 'seller' else 'buyer' end, 'none' from generate_series(1, $1::int + $1 / 100 + 1) n order by n`,
    [buyers],
  );
  await pool.query("insert into inboxes (user_id) select id from users");
  await pool.query(
    `insert into sessions (sid, sess, expire)
     select 'bench-' || id, jsonb_build_object('cookie', jsonb_build_object('path', '/'),
       'passport', jsonb_build_object('user', id)), now() + interval '8 hours' from users`,
  );
  await pool.query("analyze");
}
