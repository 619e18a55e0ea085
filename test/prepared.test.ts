import { type Kysely, sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDb, createPool, type Database, type Db } from "../src/db.ts";
import { isPassing } from "../src/passing.ts";
import { createWorld, type World } from "./world.ts";

let world: World;
let db: Kysely<Database>;
beforeAll(async () => {
  world = await createWorld();
  db = createDb(createPool(world.config, 1));
});
afterAll(async () => {
  await db.destroy();
  await world.close();
});

/** What the one connection has prepared, of statements about this. */
async function prepared(about: string): Promise<string[]> {
  const { rows } = await sql<{ statement: string }>`select statement from pg_prepared_statements`.execute(db);
  return rows.map(({ statement }) => statement).filter((statement) => statement.includes(about));
}

async function often(ask: () => Promise<unknown>, times = 8): Promise<void> {
  for (let n = 0; n < times; n += 1) await ask();
}

/** A table with one row, whose only column is of this type. */
async function tableOf(name: string, type = "integer"): Promise<(by: Db) => Promise<unknown[]>> {
  await sql`create table ${sql.table(name)} (size ${sql.raw(type)})`.execute(db);
  await sql`insert into ${sql.table(name)} values (12)`.execute(db);
  return async (by) => (await sql`select size from ${sql.table(name)} where ${true}`.execute(by)).rows;
}

function retype(name: string): Promise<unknown> {
  return sql`alter table ${sql.table(name)} alter size type text`.execute(world.db);
}

test("a statement is prepared once it has been run a few times, and answers as before", async () => {
  const ask = (given: number) => sql`select ${given}::int + 1 as more`.execute(db);
  await often(() => ask(1), 3);
  expect(await prepared("as more")).toEqual([]);
  await often(() => ask(1));
  expect((await ask(41)).rows).toEqual([{ more: 42 }]);
  expect(await prepared("as more")).toEqual(["select $1::int + 1 as more"]);
});

test("what has no values, and what takes all columns of a table, is not prepared", async () => {
  await often(() => sql`select 1 as bare`.execute(db));
  await often(() => db.selectFrom("inboxes").selectAll().where("user_id", "=", 1).execute());
  expect([...(await prepared("as bare")), ...(await prepared("inboxes"))]).toEqual([]);
});

test("a statement whose answer a migration has changed is prepared anew, and nobody notices", async () => {
  const ask = await tableOf("anew");
  await often(() => ask(db));
  await retype("anew");
  expect(await ask(db)).toEqual([{ size: "12" }]);
  expect(await ask(db)).toEqual([{ size: "12" }]);
  expect(await prepared("anew")).toHaveLength(2);
});

test("within a transaction it fails once, as something that passes, and the next try works", async () => {
  const ask = await tableOf("within");
  await often(() => ask(db));
  await retype("within");
  const attempt = () => db.transaction().execute(ask);
  const error = await attempt().catch((reason) => reason);
  expect(isPassing(error), String(error)).toBe(true);
  expect(await attempt()).toEqual([{ size: "12" }]);
  expect(await ask(db)).toEqual([{ size: "12" }]);
});

test("any other failure is the caller's, and the statement is not run again", async () => {
  await sql`create sequence tries`.execute(db);
  const divide = (by: number) => sql`select nextval('tries') / ${by}::int as share`.execute(db);
  await often(() => divide(1));
  await expect(divide(0)).rejects.toThrow("division by zero");
  expect((await divide(1)).rows).toEqual([{ share: 10 }]);
});

test("there is an end to what is prepared, and what comes after it runs as it is", async () => {
  for (let n = 0; n < 200; n += 1) {
    await often(() => sql`select ${n}::int as ${sql.ref(`column_${n}`)}`.execute(db), 7);
  }
  expect((await prepared("")).length).toBeLessThanOrEqual(155);
  expect((await prepared("column_")).length).toBeGreaterThan(100);
});
