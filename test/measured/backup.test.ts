import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createCrowd } from "../cast.ts";
import { report } from "../faults/sizes.ts";
import { startProcess } from "../processes.ts";
import { createWorld, type World } from "../world.ts";

const [PEOPLE, EACH] = [200, 500];

let world: World;
let folder: string;
beforeEach(async () => {
  world = await createWorld();
  folder = await mkdtemp(path.join(tmpdir(), "stockbell-backup-"));
});
afterEach(async () => {
  await world.close();
  await rm(folder, { recursive: true });
});

test(`${PEOPLE * EACH} notifications are backed up and restored with next to no memory, in less than a minute`, async () => {
  const crowd = (await createCrowd(world.db, PEOPLE)).map(({ id }) => id);
  await tellMany(crowd);
  const file = path.join(folder, "all.gz");
  const name = new URL(world.databaseUrl).pathname.slice(1);
  // What it holds is some thirty megabytes as text: kept in memory in one piece, it would not fit.
  const env = { DATABASE_URL: world.databaseUrl, NODE_OPTIONS: "--max-old-space-size=40" };
  const timed = async (command: string, ...args: string[]) => {
    const began = performance.now();
    const run = await startProcess(`src/${command}.ts`, { env, args });
    expect((await run.exited).code, run.logs()).toBe(0);
    return (performance.now() - began) / 1000;
  };
  const backup = await timed("backup", file);
  const { size } = await stat(file);
  const restoring = await timed("restore", file, "--replace", name);
  report("back-up", { rows: PEOPLE * EACH, "s to write": backup, MB: size / 1e6, "s to restore": restoring });
  expect(Math.max(backup, restoring)).toBeLessThan(60);
  const { rows } = await sql<{ count: number }>`select count(*) from notifications`.execute(world.db);
  expect(rows).toEqual([{ count: PEOPLE * EACH }]);
}, 180_000);

async function tellMany(people: number[]): Promise<void> {
  const { db } = world;
  await sql`
    insert into events (kind, data, delivered_at)
    select 'announcement', '{"text": "There is something to tell to everybody"}', now()
    from generate_series(1, ${EACH}::int)`.execute(db);
  await sql`
    insert into notifications (recipient_id, seq, event_id, reason)
    select person, row_number() over (partition by person order by events.id), events.id, 'watching'
    from events, unnest(${people}::bigint[]) people (person)`.execute(db);
}
