import { type RawBuilder, sql } from "kysely";
import { z } from "zod";
import type { Db, Role } from "../db.ts";
import { NotFoundError } from "../errors.ts";

/** Somebody as admins see them. */
export type PersonRow = {
  id: number;
  name: string;
  company: string;
  email: string;
  role: Role;
  status: "active" | "suspended";
  since: Date;
  /** When they last came in by the form; null when the audit log does not go back so far. */
  lastSignedIn: Date | null;
};

/** Whom an admin looks for; "" where it is all the same. `before` is the id of the last one shown on the page before. */
export type PeopleFilter = z.output<typeof filterForm>;

/** A search as the address has it; what makes no sense there counts as left out. */
export function parsePeopleFilter(query: unknown): PeopleFilter {
  return filterForm.parse(query);
}

/** The address of a search, or of its page after somebody. */
export function peopleAddress({ q, role, status }: PeopleFilter, before: number | null): string {
  const given = { q, role, status, before: before === null ? "" : String(before) };
  const parameters = new URLSearchParams(Object.entries(given).filter(([, value]) => value !== ""));
  return parameters.size > 0 ? `/oversight/people?${parameters}` : "/oversight/people";
}

/** Those whom a filter lets through, the newest accounts first. @param limit how many at the most */
export async function findPeople(db: Db, filter: PeopleFilter, limit: number): Promise<PersonRow[]> {
  return readPeople(db)
    .where(matching(filter))
    .$if(filter.before !== null, (query) => query.where("users.id", "<", filter.before))
    .orderBy("users.id", "desc")
    .limit(limit)
    .execute();
}

/** How many findPeople has on all pages. */
export async function countPeople(db: Db, filter: PeopleFilter): Promise<number> {
  const { people } = await db
    .selectFrom("users")
    .select(({ fn }) => fn.countAll<number>().as("people"))
    .where(matching(filter))
    .executeTakeFirstOrThrow();
  return people;
}

/** @throws NotFoundError */
export async function getPerson(db: Db, id: number): Promise<PersonRow> {
  const person = await readPeople(db).where("users.id", "=", id).executeTakeFirst();
  if (!person) throw new NotFoundError();
  return person;
}

const MOST_WORDS = 6;

const filterForm = z.object({
  q: z
    .string()
    .transform((typed) => typed.replaceAll("\u0000", "").trim().slice(0, 200))
    .catch(""),
  role: z.enum(["", "buyer", "seller", "admin"]).catch(""),
  status: z.enum(["", "active", "suspended"]).catch(""),
  before: z.coerce.number().int().min(1).max(1e15).nullable().catch(null),
});

function readPeople(db: Db) {
  return db.selectFrom("users").select(({ selectFrom }) => [
    ...(["users.id", "users.name", "users.company", "users.email", "users.role", "users.status"] as const),
    "users.created_at as since",
    // Whoever creates an account is signed in by that.
    selectFrom("audit_log")
      .select("audit_log.at")
      .whereRef("audit_log.subject_id", "=", "users.id")
      .where("audit_log.action", "in", ["signed_in", "account_created"])
      .orderBy("audit_log.id", "desc")
      .limit(1)
      .as("lastSignedIn"),
  ]);
}

// Each word has to be somewhere in the name, the company or the email address.
function matching({ q, role, status }: PeopleFilter): RawBuilder<boolean> {
  const conditions: RawBuilder<unknown>[] = [sql`true`];
  if (role) conditions.push(sql`users.role = ${role}`);
  if (status) conditions.push(sql`users.status = ${status}`);
  for (const word of q.split(/\s+/).filter(Boolean).slice(0, MOST_WORDS)) {
    const like = `%${word.replace(/[\\%_]/g, "\\$&")}%`;
    conditions.push(sql`(users.name ilike ${like} or users.company ilike ${like} or users.email ilike ${like})`);
  }
  return sql<boolean>`${sql.join(conditions, sql` and `)}`;
}
