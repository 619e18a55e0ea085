import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { startPostgres } from "../src/embedded.ts";
import { migrate } from "../src/migrate.ts";
import { findChromium, isInstalled } from "./installed.ts";
import { startRedis } from "./redis.ts";
import { scratchFolder } from "./scratch.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A database of the server in which tests may create others. */
    adminUrl: string;
    /** The name of the database that has every migration, and the beginning of the names of its copies. */
    template: string;
    redisUrl: string;
  }
}

const SETTINGS = {
  ...{ fsync: "off", full_page_writes: "off", synchronous_commit: "off", max_connections: "300" },
  ...{ shared_buffers: "48MB", max_wal_size: "4GB", checkpoint_timeout: "1h" },
};

type Stop = () => Promise<void>;

/** Before all tests: a Postgres with a migrated template database, and a Redis. After them: neither. */
export default async function setup(project: TestProject): Promise<Stop> {
  refuseIfLacking();
  const stops: Stop[] = [];
  const stopAll = async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  };
  try {
    const warm = warmUp();
    const adminUrl = process.env.DATABASE_URL ?? (await startOwnPostgres(stops));
    const template = await createTemplate(adminUrl, stops);
    const redisUrl = process.env.REDIS_URL ?? (await startOwnRedis(stops));
    await warm;
    project.provide("adminUrl", adminUrl);
    project.provide("template", template);
    project.provide("redisUrl", redisUrl);
  } catch (error) {
    await stopAll();
    throw error;
  }
  return stopAll;
}

// One line instead of a stack trace: the reader needs the command, not the place.
function refuseIfLacking(): void {
  const lacking = [
    ...(process.env.REDIS_URL || isInstalled("redis-server") ? [] : ["redis-server"]),
    ...(findChromium() ? [] : ["chromium"]),
  ];
  if (lacking.length === 0) return;
  console.error(`The tests need ${lacking.join(" and ")}, which this machine lacks: run npm run setup.`);
  process.exit(1);
}

/** A process writes what it has compiled as it ends, and most of ours are killed. */
async function warmUp(): Promise<void> {
  const all = ["src/server.ts", "src/runner.ts"].map((file) => `await import("./${file}");`).join("");
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", all]);
}

async function startOwnPostgres(stops: Stop[]): Promise<string> {
  const folder = await scratchFolder("stockbell-test");
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  // For Ctrl-C, after which Vitest exits without waiting for anything.
  process.once("exit", remove);
  const server = await startPostgres({ dir: path.join(folder, "postgres"), settings: SETTINGS });
  stops.push(async () => {
    await server.stop();
    process.off("exit", remove);
    remove();
  });
  return server.url;
}

async function startOwnRedis(stops: Stop[]): Promise<string> {
  const redis = await startRedis();
  stops.push(redis.stop);
  return redis.url;
}

async function createTemplate(adminUrl: string, stops: Stop[]): Promise<string> {
  const template = `stockbell_test_${process.pid}_${Date.now().toString(36)}`;
  const admin = new pg.Client(adminUrl);
  await admin.connect();
  stops.push(async () => {
    await dropAll(admin, template);
    await admin.end();
  });
  await admin.query(`create database ${template}`);
  const url = new URL(adminUrl);
  url.pathname = `/${template}`;
  await migrate({ databaseUrl: url.href, databaseCa: undefined, unverifiedTls: [] });
  return template;
}

async function dropAll(admin: pg.Client, prefix: string): Promise<void> {
  const found = await admin.query("select datname from pg_database where starts_with(datname, $1)", [prefix]);
  for (const { datname } of found.rows) await admin.query(`drop database if exists ${datname} with (force)`);
}
