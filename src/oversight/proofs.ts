import { type Kysely, sql } from "kysely";
import type { Database, Db } from "../db.ts";
import { happenedIn } from "../notifications/kinds.ts";
import { addJob, findPending } from "../queue.ts";
import type { Difference } from "./proof.ts";

/** A proof in figures, and who asked for it; null for the night's. */
type ProofRow = {
  id: number;
  endedAt: Date;
  since: Date;
  seconds: number;
  events: number;
  recipients: number;
  notJudged: number;
  undelivered: number;
  /** Of all kinds together. */
  differences: number;
  by: string | null;
};

/** A difference in words: who, and of which event. */
type DifferenceRow = Difference & { person: string | null; happened: string; title: string | null };

/** Everything that the page shows: `last` with its differences, where there is one, and the thirty before. */
export type Proofs = {
  underWay: boolean;
  last: ProofRow | null;
  differences: DifferenceRow[];
  waiting: number[];
  history: ProofRow[];
};

const KEPT = 30;
const KEY = "prove_isolation";

/** Has the queue prove it at once; while it is under way, or about to be, a second wish changes nothing. */
export async function startProof(db: Kysely<Database>, adminId: number): Promise<void> {
  await db.transaction().execute(async (trx) => {
    // Of two at the same moment the second sees what the first has done.
    await sql`select pg_advisory_xact_lock(hashtextextended(${KEY}, 712003))`.execute(trx);
    if ((await findPending(trx, "prove_isolation")) === "running") return;
    await addJob(trx, "prove_isolation", { by: adminId }, { key: KEY });
  });
}

/** Waits until no proof is under way any more, but not for long. */
export async function waitForProof(db: Db, patienceMs: number): Promise<void> {
  const end = performance.now() + patienceMs;
  while (performance.now() < end && (await findPending(db, "prove_isolation")) !== null) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The last proof and those before it. */
export async function readProofs(db: Db): Promise<Proofs> {
  const [pending, history, found] = await Promise.all([
    findPending(db, "prove_isolation"),
    readHistory(db),
    db.selectFrom("proofs").select(["differences", "waiting"]).orderBy("id", "desc").limit(1).executeTakeFirst(),
  ]);
  const differences = await inWords(db, (found?.differences ?? []) as Difference[]);
  return { underWay: pending !== null, last: history[0] ?? null, differences, waiting: found?.waiting ?? [], history };
}

async function readHistory(db: Db): Promise<ProofRow[]> {
  const { rows } = await sql<ProofRow>`
    select proofs.id, ended_at as "endedAt", since, events, recipients, not_judged as "notJudged", undelivered,
      extract(epoch from ended_at - begun_at)::float8 as seconds,
      leaks + lost + other_reasons + no_rule as differences, users.name as by
    from proofs left join users on users.id = proofs.by
    order by proofs.id desc limit ${KEPT}`.execute(db);
  return rows;
}

async function inWords(db: Db, differences: Difference[]): Promise<DifferenceRow[]> {
  if (differences.length === 0) return [];
  const userIds = differences.flatMap(({ userId }) => userId ?? []);
  const [events, people] = await Promise.all([
    db
      .selectFrom("events")
      .select(["id", "kind", sql<string | null>`data ->> 'title'`.as("title")])
      .where("id", "in", [...new Set(differences.map(({ eventId }) => eventId))])
      .execute(),
    userIds.length === 0
      ? []
      : db.selectFrom("users").select(["id", "name", "company"]).where("id", "in", userIds).execute(),
  ]);
  return differences.map((difference) => {
    const event = events.find(({ id }) => id === difference.eventId);
    const person = people.find(({ id }) => id === difference.userId);
    return {
      ...difference,
      person: person ? `${person.name}, ${person.company}` : null,
      happened: event ? happenedIn(event.kind) : "Deleted since",
      title: event?.title ?? null,
    };
  });
}
