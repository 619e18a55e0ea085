import { createHash } from "node:crypto";
import type { Request } from "express";
import type { Kysely } from "kysely";
import type { Viewer } from "../access.ts";
import { addressOf } from "../address.ts";
import type { Database } from "../db.ts";
import { count, requireOpen, type Tries, takeBack } from "../throttle.ts";
import { isKnownAddress, recordSecurityEvent } from "./audit.ts";
import { COST, type HashCost, hashPassword, isOutdated, verifyPassword } from "./passwords.ts";
import { findUserByEmail } from "./users.ts";

type Found = NonNullable<Awaited<ReturnType<typeof findUserByEmail>>>;

/**
 * The person of an email address, if the password is theirs and they may come in. A suspended and an unknown one are
 * refused in the same words, by the same work and at the same pace as one with a wrong password.
 * @param cost what hashes are to cost now: one of another cost is replaced
 * @throws TooManyError after too many wrong ones for this account or from this address
 * @throws BusyError when more sign in than can be answered in time
 */
export async function checkCredentials(
  db: Kysely<Database>,
  req: Request,
  { email, password }: { email: string; password: string },
  cost: HashCost = COST,
): Promise<Viewer | undefined> {
  const found = await findUserByEmail(db, email);
  const tries = await triesOf(db, req, email, found);
  await requireOpen(db, tries);
  const right = await verifyPassword(found?.passwordHash, password, () => countGuess(db, req, tries, found));
  const problem = !found ? "unknown" : !right ? "password" : found.status === "active" ? null : found.status;
  if (!found || problem) {
    await refuse(db, req, found, problem ?? "unknown");
    return undefined;
  }
  await takeBack(db, tries);
  if (isOutdated(found.passwordHash, cost)) await rehash(db, found, password);
  const { passwordHash: _, status: __, ...viewer } = found;
  return viewer;
}

/**
 * The address first: what it may not try any more is not held against the account. An address from which its owner has
 * signed in is counted by itself, so that strangers who guess do not keep the owner out.
 */
async function triesOf(db: Kysely<Database>, req: Request, email: string, found?: Found): Promise<Tries[]> {
  const address = addressOf(req);
  const known = await isKnownAddress(db, found?.id ?? 0, address);
  const account = createHash("sha256").update(email.toLowerCase()).digest("base64url").slice(0, 22);
  return [
    { rule: "guess-address", of: address },
    { rule: "guess-account", of: known ? `${account} ${address}` : account },
  ];
}

async function countGuess(db: Kysely<Database>, req: Request, tries: Tries[], found?: Found): Promise<void> {
  for (const { rule } of await count(db, tries)) {
    const details = { by: rule };
    await recordSecurityEvent(db, req, {
      action: "sign_in_throttled",
      actorId: null,
      subjectId: found?.id ?? null,
      details,
    });
  }
}

async function refuse(
  db: Kysely<Database>,
  req: Request,
  found: Found | undefined,
  problem: "unknown" | "password" | "suspended",
): Promise<void> {
  const details = { because: problem };
  await recordSecurityEvent(db, req, {
    action: "sign_in_refused",
    actorId: null,
    subjectId: found?.id ?? null,
    details,
  });
}

/** Now is the only time when the password is at hand. Whoever has changed it meanwhile keeps the new one. */
async function rehash(db: Kysely<Database>, { id, passwordHash }: Found, password: string): Promise<void> {
  await db
    .updateTable("users")
    .set({ password_hash: await hashPassword(password) })
    .where("id", "=", id)
    .where("password_hash", "=", passwordHash)
    .execute();
}
