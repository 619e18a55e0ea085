import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";

export type TestDatabase = { url: string; drop(): Promise<void> };

/**
 * A database of one's own with every migration done: a copy of the run's template.
 * @returns drop(): removes it, whoever is still connected; what is not dropped goes at the end of the run
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  // A process may load this file more than once, so a count in it would not tell its databases apart.
  const name = `${inject("template")}_${randomBytes(6).toString("hex")}`;
  await asAdmin(`create database ${name} template ${inject("template")}`);
  const url = new URL(inject("adminUrl"));
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => asAdmin(`drop database if exists ${name} with (force)`) };
}

/**
 * The run's Redis, under a database number that no other test file uses at the same time. (A Redis that was given may
 * have 16 of them; the number also keeps apart what is published.)
 */
export function redisUrl(): string {
  const url = new URL(inject("redisUrl"));
  const first = Number(url.pathname.slice(1));
  url.pathname = `/${(first + Number(process.env.VITEST_POOL_ID)) % 16}`;
  return url.href;
}

async function asAdmin(statement: string): Promise<void> {
  const client = new pg.Client(inject("adminUrl"));
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
