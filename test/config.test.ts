import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, test } from "vitest";
import { ConfigError, loadConfig, type ProcessKind } from "../src/config.ts";
import { timeAtRest } from "./at-rest.ts";
import { startProcess } from "./processes.ts";

const SECRET = "7f3a9c1e5b8d2046-a-long-enough-one";
const production = {
  NODE_ENV: "production",
  DATABASE_URL: "postgres://app:hunter2@db.internal/stockbell",
  REDIS_URL: "rediss://:hunter2@redis.internal",
  SESSION_SECRET: SECRET,
  APP_ORIGIN: "https://stock.example",
};

/** One wrong value for each variable there is; each holds a word that no message may repeat. */
const wrong = {
  NODE_ENV: "staging-zebra",
  PORT: "70000",
  DATABASE_URL: "mysql://zebra:zebra@db",
  REDIS_URL: "http://zebra",
  SESSION_SECRET: "zebra,,zebra",
  APP_ORIGIN: "zebra.example",
  TRUST_PROXY: "true",
  DATABASE_CA: "zebra",
  REDIS_CA: "/etc/zebra.pem",
  TLS_ALLOW_UNVERIFIED: "database,zebra",
  WEB_CONCURRENCY: "0",
  WORKER_CONCURRENCY: "-1",
  LOG_LEVEL: "zebra",
  METRICS_TOKEN: "zebra",
  STREAM_MAX_PER_USER: "1.5",
  STREAM_MAX: "1e3",
  RETENTION_DAYS: "29",
  RELEASE: "zebra".repeat(13),
};

function complaint(kind: ProcessKind, env: NodeJS.ProcessEnv): string {
  try {
    loadConfig(kind, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  return "";
}

function named(message: string): string[] {
  return [...message.matchAll(/\b[A-Z][A-Z_]{2,}\b/g)]
    .map(([name]) => name)
    .filter((name) => name in { ...wrong, HOST: "" });
}

describe("P-01: the environment", () => {
  test("names every wrong variable at once, each once, and no value", () => {
    const message = complaint("web", wrong);
    expect(named(message).sort()).toEqual(Object.keys(wrong).sort());
    for (const value of ["zebra", "70000", "1e3", "1.5", "mysql"]) expect(message).not.toContain(value);
    expect(message).not.toContain("\n");
  });

  test("names what is missing together with what is wrong", () => {
    const message = complaint("web", { NODE_ENV: "production", PORT: "abc" });
    expect(named(message).sort()).toEqual(["APP_ORIGIN", "DATABASE_URL", "PORT", "REDIS_URL", "SESSION_SECRET"]);
  });

  test.each([
    ["web", ["APP_ORIGIN", "DATABASE_URL", "REDIS_URL", "SESSION_SECRET"]],
    ["start", ["APP_ORIGIN", "DATABASE_URL", "SESSION_SECRET"]],
    ["worker", ["DATABASE_URL", "REDIS_URL"]],
    ["release", ["DATABASE_URL"]],
  ] as const)("in production asks for what %s needs", (kind, expected) => {
    expect(named(complaint(kind, { NODE_ENV: "production" })).sort()).toEqual(expected);
    expect(complaint(kind, production)).toBe("");
  });

  test.each([
    ["too short", "short-secret"],
    ["the one for development", "for-development-only-never-in-production"],
    ["one letter over and over", "a".repeat(64)],
    ["a good one and a short one", `${SECRET},short-secret`],
  ])("refuses a session secret in production that is %s", (_what, SESSION_SECRET) => {
    const message = complaint("web", { ...production, SESSION_SECRET });
    expect(named(message)).toEqual(["SESSION_SECRET"]);
    expect(message).not.toContain(SESSION_SECRET);
  });

  test("wants https for browsers in production, and not elsewhere", () => {
    expect(named(complaint("web", { ...production, APP_ORIGIN: "http://stock.example" }))).toEqual(["APP_ORIGIN"]);
    expect(complaint("start", { APP_ORIGIN: "http://localhost:3000" })).toBe("");
  });

  test("never lets demo people into production", () => {
    expect(named(complaint("seed", production))).toEqual(["NODE_ENV"]);
  });

  test("may be empty for the start of everything on one machine, and only for that", () => {
    expect(complaint("start", {})).toBe("");
    for (const kind of ["web", "worker", "release", "seed"] as const)
      expect(named(complaint(kind, {}))).toEqual(["DATABASE_URL"]);
  });

  test("takes an empty variable for one that is unset", () => {
    const empty = Object.fromEntries(Object.keys(wrong).map((name) => [name, name === "HOST" ? "" : " "]));
    expect(loadConfig("start", empty)).toEqual(loadConfig("start", {}));
  });
});

describe("settings", () => {
  test("are those of a laptop where nothing is said", () => {
    expect(loadConfig("start", {})).toMatchObject({
      ...{ production: false, port: 3000, host: "127.0.0.1", databaseUrl: undefined, redisUrl: undefined },
      ...{ trustProxy: 0, unverifiedTls: [], webConcurrency: 1, streamMaxPerUser: 10, metricsToken: undefined },
    });
  });

  test("are those of a platform in production", () => {
    const given = {
      ...production,
      SESSION_SECRET: `${SECRET} , older-${SECRET}`,
      TLS_ALLOW_UNVERIFIED: "redis, database",
    };
    expect(loadConfig("web", given)).toMatchObject({
      ...{ production: true, host: undefined, trustProxy: 1, appOrigin: "https://stock.example" },
      ...{ sessionSecrets: [SECRET, `older-${SECRET}`], unverifiedTls: ["redis", "database"] },
    });
    expect(loadConfig("web", { ...production, APP_ORIGIN: "https://Stock.Example:443/path" }).appOrigin).toBe(
      "https://stock.example",
    );
  });
});

test("P-03: .env.example names every variable there is, and works as it stands", async () => {
  const example = await readFile(path.join(import.meta.dirname, "../.env.example"), "utf8");
  const names = [...example.matchAll(/^(?:# )?([A-Z_]+)=/gm)].map((match) => match[1]);
  expect(names.sort()).toEqual([...Object.keys(wrong), "HOST"].sort());
  for (const kind of ["web", "worker", "release"] as const) expect(complaint(kind, parseEnv(example))).toBe("");
  expect(named(complaint("web", { ...parseEnv(example), NODE_ENV: "production" }))).toEqual([
    "APP_ORIGIN",
    "SESSION_SECRET",
  ]);
});

describe("P-01, P-04: a process with a wrong environment", { timeout: 60_000 }, () => {
  test("ends within a second", async () => {
    const took = await timeAtRest(async () => {
      const { exited } = await startProcess("src/web.ts", { env: wrong });
      expect((await exited).code).toBe(1);
    });
    expect(took).toBeLessThan(1000);
  });

  test.each(["src/web.ts", "src/worker.ts", "src/release.ts"])(
    "ends %s with one line and no value, and before it has done anything else",
    async (file) => {
      const env = { ...wrong, SESSION_SECRET: "hunter2", NODE_ENV: "production" };
      const process = await startProcess(file, { env });
      expect((await process.exited).code).toBe(1);
      const said = process.logs();
      expect(said.trim().split("\n")).toHaveLength(1);
      expect(named(said)).toEqual(expect.arrayContaining(["DATABASE_URL", "PORT", "LOG_LEVEL", "REDIS_CA"]));
      for (const value of ["zebra", "hunter2", "70000"]) expect(said).not.toContain(value);
    },
  );
});
