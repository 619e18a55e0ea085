import type { RequestHandler } from "express";
import { sql } from "kysely";
import { viewerOf } from "./access.ts";
import type { Db } from "./db.ts";
import { TooManyError } from "./errors.ts";

/**
 * How often something may be tried: `burst` times at once, and once more for every `leakSeconds` that pass. Each try
 * beyond that closes it, for `firstSeconds` at first and twice as long each time, up to `mostSeconds`.
 */
type Rule = { burst: number; leakSeconds: number; firstSeconds: number; mostSeconds: number };

const RULES = {
  "guess-account": { burst: 5, leakSeconds: 600, firstSeconds: 15, mostSeconds: 600 },
  "guess-address": { burst: 30, leakSeconds: 60, firstSeconds: 5, mostSeconds: 300 },
  "sign-up": { burst: 20, leakSeconds: 60, firstSeconds: 30, mostSeconds: 600 },
  "password-change": { burst: 5, leakSeconds: 600, firstSeconds: 15, mostSeconds: 600 },
  publishing: { burst: 120, leakSeconds: 1, firstSeconds: 2, mostSeconds: 60 },
  writing: { burst: 120, leakSeconds: 1, firstSeconds: 2, mostSeconds: 60 },
} satisfies Record<string, Rule>;

/** What is counted, and for whom: an account, an address, a person's id. */
export type Tries = { rule: keyof typeof RULES; of: string | number };

/**
 * Looks without counting, so that a flood costs one short query each.
 * @throws TooManyError while one of them is closed
 */
export async function requireOpen(db: Db, tries: Tries[]): Promise<void> {
  const now = new Date();
  const { rows } = await sql<{ free_at: Date }>`
    select free_at from throttles where key = any(${tries.map(keyOf)}::text[]) and free_at > ${now}
    order by free_at desc limit 1`.execute(db);
  if (rows[0]) throw tooMany(rows[0].free_at, now);
}

/**
 * Counts a try before it is made, for all processes at once: of those who come together no more get through than may.
 * @returns those that this try has closed for the next one
 * @throws TooManyError when one of them was closed already
 */
export async function count(db: Db, tries: Tries[]): Promise<Tries[]> {
  const closed: Tries[] = [];
  for (const one of tries) if (await countOne(db, one)) closed.push(one);
  return closed;
}

/** A try that turned out to be nothing to count, such as the right password, is taken back. */
export async function takeBack(db: Db, tries: Tries[]): Promise<void> {
  await sql`
    update throttles set level = greatest(0, level - 1), free_at = '-infinity'
    where key = any(${tries.map(keyOf)}::text[])`.execute(db);
}

/** Refuses a route to a person who uses it too often. It comes after allow(). */
export function throttled(db: Db, rule: keyof typeof RULES): RequestHandler {
  return async (req, _res, next) => {
    await count(db, [{ rule, of: viewerOf(req).id }]);
    next();
  };
}

async function countOne(db: Db, tries: Tries): Promise<boolean> {
  const { burst, leakSeconds, firstSeconds, mostSeconds } = RULES[tries.rule];
  const [now, key] = [new Date(), keyOf(tries)];
  const leaked = sql<number>`greatest(0, extract(epoch from ${now}::timestamptz - old.touched_at)) / ${leakSeconds}::float8`;
  const level = sql<number>`greatest(0, old.level - ${leaked}) + 1`;
  const wait = sql<number>`least(${mostSeconds}::float8,
    ${firstSeconds}::float8 * 2 ^ least(20, ceil(${level} - ${burst}::float8) - 1))`;
  const { rows } = await sql<{ closed: boolean }>`
    insert into throttles as old (key, level, free_at, touched_at) values (${key}, 1, '-infinity', ${now})
    on conflict (key) do update set level = ${level}, touched_at = ${now},
      free_at = case when ${level} > ${burst}::float8 then ${now}::timestamptz + ${wait} * interval '1 second'
        else '-infinity' end
    where old.free_at <= ${now}
    returning free_at > ${now} as closed`.execute(db);
  if (rows[0]) return rows[0].closed;
  await requireOpen(db, [tries]);
  throw new TooManyError(1);
}

function keyOf({ rule, of }: Tries): string {
  return `${rule} ${of}`;
}

function tooMany(freeAt: Date, now: Date): TooManyError {
  return new TooManyError(Math.ceil((freeAt.getTime() - now.getTime()) / 1000));
}
