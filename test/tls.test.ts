import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { createBus } from "../src/bus.ts";
import { createPool } from "../src/db.ts";
import { type EmbeddedPostgres, startPostgres } from "../src/embedded.ts";
import { freePort } from "../src/postmaster.ts";
import { dyingWithParent } from "../src/run-as.ts";
import { selfSigned } from "./certificate.ts";
import { startProcess, until } from "./processes.ts";
import { scratchFolder } from "./scratch.ts";

const [own, others] = [selfSigned(), selfSigned()];

let folder: string;
let postgres: EmbeddedPostgres;
let redis: { url: string; stop(): void };

beforeAll(async () => {
  folder = await scratchFolder("stockbell-tls");
  const files = { cert: path.join(folder, "cert.pem"), key: path.join(folder, "key.pem") };
  await writeFile(files.cert, own.cert);
  await writeFile(files.key, own.key, { mode: 0o600 });
  [postgres, redis] = await Promise.all([startTlsPostgres(files), startTlsRedis(files)]);
});
afterAll(async () => {
  redis?.stop();
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
});

type Files = { cert: string; key: string };

function startTlsPostgres({ cert, key }: Files): Promise<EmbeddedPostgres> {
  const settings = { fsync: "off", ssl: "on", ssl_cert_file: cert, ssl_key_file: key, shared_buffers: "16MB" };
  return startPostgres({ dir: path.join(folder, "postgres"), settings });
}

async function startTlsRedis({ cert, key }: Files) {
  const port = await freePort();
  const settings = { port: 0, "tls-port": port, "tls-cert-file": cert, "tls-key-file": key, "tls-auth-clients": "no" };
  const args = Object.entries({ ...settings, bind: "127.0.0.1", save: "" }).flatMap(([name, value]) => [
    ...[`--${name}`, String(value)],
  ]);
  const [file = "", ...rest] = [...(await dyingWithParent("TERM")), "redis-server", ...args];
  const child = spawn(file, rest, { stdio: ["ignore", "pipe", "ignore"] });
  for await (const [line] of lines(child.stdout)) if (/Ready to accept/.test(String(line))) break;
  child.stdout.resume();
  return { url: `rediss://127.0.0.1:${port}`, stop: () => void child.kill("SIGKILL") };
}

async function* lines(output: NodeJS.ReadableStream) {
  for (;;) yield await once(output, "data");
}

describe("S-19, P-02: Postgres", () => {
  const ask = async (config: Partial<Parameters<typeof createPool>[0]>) => {
    const pool = createPool({ databaseUrl: postgres.url, databaseCa: undefined, unverifiedTls: [], ...config }, 1);
    onTestFinished(() => pool.end());
    const { rows } = await pool.query("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
    return rows[0].ssl as boolean;
  };
  const asking = (mode: string) => `${postgres.url}?sslmode=${mode}`;

  test("with a certificate that nobody vouches for is refused where TLS is asked for, and taken once it is pinned", async () => {
    await expect(ask({ databaseUrl: asking("require") })).rejects.toThrow("self-signed");
    await expect(ask({ databaseUrl: asking("verify-full") })).rejects.toThrow("self-signed");
    expect(await ask({ databaseCa: own.cert })).toBe(true);
  });

  test("with another certificate than the pinned one is refused, whatever its address asks for", async () => {
    for (const mode of ["disable", "prefer", "require", "no-verify"]) {
      await expect(ask({ databaseUrl: asking(mode), databaseCa: others.cert }), mode).rejects.toThrow("self-signed");
      expect(await ask({ databaseUrl: asking(mode), databaseCa: own.cert }), mode).toBe(true);
    }
  });

  test("that answers without TLS is refused where a certificate is pinned", async () => {
    await expect(ask({ databaseUrl: inject("adminUrl"), databaseCa: own.cert })).rejects.toThrow(/SSL/);
  });

  test("goes unverified by the switch alone", async () => {
    expect(await ask({ databaseUrl: asking("require"), unverifiedTls: ["database"] })).toBe(true);
    await expect(ask({ databaseUrl: asking("require"), unverifiedTls: ["redis"] })).rejects.toThrow("self-signed");
  });

  test.each([
    ["postgres://app:x@db.example/stock", [], true],
    ["postgres://app:x@db.example/stock?sslmode=disable", [], true],
    ["postgres://app:x@10.0.0.7/stock?sslmode=no-verify", [], true],
    ["postgres://app:x@db.example/stock", ["database"], false],
    ["postgres://app:x@db.example/stock?sslmode=disable", ["database"], undefined],
    ["postgres://app:x@127.0.0.1/stock", [], undefined],
    ["postgres://app:x@localhost/stock", [], undefined],
    ["postgres:///stock?host=/run/postgresql", [], undefined],
  ])(
    "in production, on another machine, is verified unless the switch says otherwise: %s %j",
    async (databaseUrl, unverifiedTls, verified) => {
      const pool = createPool(
        { databaseUrl, databaseCa: undefined, unverifiedTls: unverifiedTls as "database"[], production: true },
        1,
      );
      onTestFinished(() => pool.end());
      const { ssl, connectionString } = pool.options;
      const does = typeof ssl === "object" ? ssl.rejectUnauthorized !== false : undefined;
      expect(does).toBe(verified);
      if (does !== undefined) expect(connectionString).not.toContain("sslmode");
    },
  );
});

describe("S-19, P-02: Redis", () => {
  const open = (config: { redisCa?: string; unverifiedTls?: ("database" | "redis")[] }) => {
    const written: string[] = [];
    const log = pino({ level: "warn" }, { write: (line: string) => void written.push(line) });
    const bus = createBus({ redisUrl: redis.url, redisCa: undefined, unverifiedTls: [], ...config }, log);
    onTestFinished(() => bus.close());
    return { bus, written };
  };

  test.each([
    ["that nobody vouches for", {}],
    ["other than the pinned one", { redisCa: others.cert }],
    ["that only the database was let off", { unverifiedTls: ["database" as const] }],
  ])("with a certificate %s is refused", async (_what, config) => {
    const { bus, written } = open(config);
    await until(() => written.join("").includes("self-signed"));
    expect(bus.up).toBe(false);
    await expect(bus.publish([{ channel: "events", body: "x" }])).rejects.toThrow("Redis is away");
  });

  test("is let go of at any moment of its refusal, without a word", async () => {
    const letGo = Array.from({ length: 200 }, async (_, n) => {
      const bus = createBus(
        { redisUrl: redis.url, redisCa: others.cert, unverifiedTls: [] },
        pino({ level: "silent" }),
      );
      await pause(n % 40);
      await bus.close();
    });
    const uncaught: Error[] = [];
    const catching = (error: Error) => void uncaught.push(error);
    process.on("uncaughtExceptionMonitor", catching);
    await Promise.all(letGo);
    // What is on its way from the server comes within that.
    await pause(500);
    process.off("uncaughtExceptionMonitor", catching);
    expect(uncaught).toEqual([]);
  });

  test("is taken with the pinned certificate, or unverified by the switch", async () => {
    for (const config of [{ redisCa: own.cert }, { unverifiedTls: ["redis" as const] }]) {
      const { bus } = open(config);
      await until(() => bus.up);
    }
  });
});

describe("P-02: the processes, with TLS to both,", { timeout: 60_000 }, () => {
  const addresses = () => ({ DATABASE_URL: `${postgres.url}?sslmode=require`, REDIS_URL: redis.url });
  const warning = (of: string) => `Warning: TLS to the ${of} is not verified.`;

  test.each([
    ["pinned certificates, and warn of nothing", { DATABASE_CA: own.cert, REDIS_CA: own.cert }, [] as string[]],
    ["the switch, and warn of both", { TLS_ALLOW_UNVERIFIED: "database,redis" }, ["database", "redis"]],
    [
      "one pinned and one let off, and warn of that",
      { DATABASE_CA: own.cert, TLS_ALLOW_UNVERIFIED: "redis" },
      ["redis"],
    ],
  ])("run with %s", async (_what, given, warned) => {
    const env = { ...addresses(), ...given, PORT: String(await freePort()) };
    const release = await startProcess("src/release.ts", { env });
    expect((await release.exited).code, release.logs()).toBe(0);
    const [web, worker] = await Promise.all(["src/web.ts", "src/worker.ts"].map((file) => startProcess(file, { env })));
    await worker?.waitForLog(/takes jobs/, 30_000);
    const ready = async () => (await fetch(`${web?.url}/readyz`).catch(() => null))?.json();
    await until(async () => JSON.stringify(await ready())?.includes('"redis":"ok"') ?? false, 30_000);
    expect(await ready()).toEqual({ database: "ok", migrations: "ok", redis: "ok" });
    for (const process of [release, web, worker])
      for (const of of ["database", "redis"])
        expect(process?.logs().includes(warning(of)), of).toBe(warned.includes(of));
    expect([(await web?.stop())?.code, (await worker?.stop())?.code]).toEqual([0, 0]);
  });

  test("refuse both without either: no migration is done, and Redis is away", async () => {
    const env = { ...addresses(), PORT: String(await freePort()) };
    const release = await startProcess("src/release.ts", { env });
    expect((await release.exited).code).toBe(1);
    expect(release.logs()).toMatch(/^The migration failed: .*self-signed/m);
    const web = await startProcess("src/web.ts", { env });
    await web.waitForLog(/Redis cannot be reached.*|self-signed/, 30_000);
    const answer = await fetch(`${web.url}/readyz`);
    expect([answer.status, await answer.json()]).toMatchObject([503, { database: "down", redis: "degraded" }]);
    expect((await web.stop()).code).toBe(0);
  });
});
