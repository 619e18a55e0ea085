import type { Viewer } from "../access.ts";
import type { Db, Role } from "../db.ts";
import { InvalidError } from "../errors.ts";

export type NewUser = { email: string; name: string; company: string; role: Role; passwordHash: string };

// Kept for demonstrations by RFC 2606: their passwords are everybody's.
const DEMO = /@demo\.test$/i;

const VIEWER = ["users.id", "users.name", "users.company", "users.email", "users.role"] as const;

/**
 * Adds a person together with their inbox, both or neither.
 * @param user.passwordHash from hashPassword
 * @throws InvalidError beside `email` when somebody has that email already
 */
export async function createUser(db: Db, { passwordHash, email, ...user }: NewUser): Promise<Viewer> {
  const created = await db
    .with("person", (query) =>
      query
        .insertInto("users")
        .values({ ...user, email: email.toLowerCase(), password_hash: passwordHash })
        .onConflict((conflict) => conflict.column("email").doNothing())
        .returning(["id", "name", "company", "email", "role"]),
    )
    .with("inbox", (query) =>
      query
        .insertInto("inboxes")
        .columns(["user_id"])
        .expression((select) => select.selectFrom("person").select("person.id")),
    )
    .selectFrom("person")
    .selectAll()
    .executeTakeFirst();
  if (!created)
    throw new InvalidError({ email: "There is an account with this email address already. Sign in instead." });
  return created;
}

/** Whether an address is one of the demo's, where production has no accounts. */
export function isDemo(email: string): boolean {
  return DEMO.test(email);
}

/** Whether there are people of the demo here. */
export async function hasDemoPeople(db: Db): Promise<boolean> {
  const found = await db.selectFrom("users").select("id").where("email", "like", "%@demo.test").limit(1).execute();
  return found.length > 0;
}

/** The person as every room knows them, unless there is none of that id or they are suspended. */
export async function findActiveUser(db: Db, id: number): Promise<Viewer | undefined> {
  return db
    .selectFrom("users")
    .select(VIEWER)
    .where("users.id", "=", id)
    .where("users.status", "=", "active")
    .executeTakeFirst();
}

/** The person of an email address, however it is written, with what sign-in must know of them. */
export async function findUserByEmail(db: Db, email: string) {
  return db
    .selectFrom("users")
    .select([...VIEWER, "users.password_hash as passwordHash", "users.status"])
    .where("users.email", "=", email.toLowerCase())
    .executeTakeFirst();
}

/** The stored hash of a person's password. */
export async function getPasswordHash(db: Db, id: number): Promise<string> {
  const { password_hash } = await db
    .selectFrom("users")
    .select("password_hash")
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
  return password_hash;
}
