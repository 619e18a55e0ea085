import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CompiledQuery, type Kysely, sql } from "kysely";
import type { Database } from "../db.ts";

/** How somebody was told, or not told, otherwise than the rules say; or an event of a kind that has no rule here. */
export type Difference = {
  eventId: number;
  userId: number | null;
  what: "leak" | "lost" | "reason" | "no_rule";
  /** The reason that they were given, and the one that they should have been given. */
  told: string | null;
  due: string | null;
};

/** How many there are of everything, and the first hundred differences. */
export type Findings = {
  events: number;
  /** People told, each counted once for each event. */
  recipients: number;
  /** Where something changed so near to the delivery that nobody knows which came first. */
  notJudged: number;
  leaks: number;
  lost: number;
  otherReasons: number;
  noRule: number;
  differences: Difference[];
};

/** Which events are looked at: those delivered since a time, of ids after one and up to another. */
export type Span = { since: Date; after: number; until: number };

/** The rules of who is told, as one statement over tables alone. */
export const statement = readFileSync(join(import.meta.dirname, "proof.sql"), "utf8");

// What changes between two transactions that both take seconds is told apart; requests are given up after three.
const NEAR = "5 seconds";
const SLICE = 1000;
const SHOWN = 100;
const TOOK_TOO_LONG = "57014";

/**
 * Goes through a span in slices, each a statement of its own that only reads, so that nothing is held up and nothing takes
 * longer than a statement may: a slice that does is gone through again in halves.
 * @param rules the statement, or another in its place
 */
export async function compare(db: Kysely<Database>, span: Span, rules = statement): Promise<Findings> {
  let [found, after, size] = [NOTHING, span.after, SLICE];
  while (after < span.until) {
    const slice = await readSlice(db, rules, { ...span, after }, size);
    if (slice === "too long") {
      size = Math.ceil(size / 2);
      continue;
    }
    if (slice.lastId === null) break;
    [found, after, size] = [bothOf(found, slice), slice.lastId, Math.min(SLICE, size * 2)];
  }
  return found;
}

const NOTHING: Findings = {
  ...{ events: 0, recipients: 0, notJudged: 0, leaks: 0, lost: 0, otherReasons: 0, noRule: 0 },
  differences: [],
};

type Slice = Findings & { lastId: number | null };

async function readSlice(db: Kysely<Database>, rules: string, span: Span, size: number): Promise<Slice | "too long"> {
  try {
    return await db
      .transaction()
      .setAccessMode("read only")
      .execute(async (trx) => {
        // The planner knows nothing of how many a step finds, and compiling costs more than running.
        await sql`set local jit = off`.execute(trx);
        const query = CompiledQuery.raw(rules, [span.after, size, span.until, span.since, NEAR]);
        const [slice] = (await trx.executeQuery<Slice>(query)).rows;
        if (!slice) throw new Error("the proof's statement says nothing");
        return slice;
      });
  } catch (error) {
    const tooLong = error instanceof Error && "code" in error && error.code === TOOK_TOO_LONG;
    if (tooLong && size > 1) return "too long";
    throw error;
  }
}

function bothOf(one: Findings, other: Findings): Findings {
  return {
    events: one.events + other.events,
    recipients: one.recipients + other.recipients,
    notJudged: one.notJudged + other.notJudged,
    leaks: one.leaks + other.leaks,
    lost: one.lost + other.lost,
    otherReasons: one.otherReasons + other.otherReasons,
    noRule: one.noRule + other.noRule,
    differences: [...one.differences, ...other.differences].slice(0, SHOWN),
  };
}
