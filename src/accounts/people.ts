import type { Request } from "express";
import type { Kysely } from "kysely";
import type { Viewer } from "../access.ts";
import type { Database, Role, Trx } from "../db.ts";
import { ConflictError, ForbiddenError, NotFoundError } from "../errors.ts";
import { rightsHaveChanged } from "../rights-lock.ts";
import { recordSecurityEvent, type SecurityAction } from "./audit.ts";
import { endAllSessions } from "./own-sessions.ts";

/** What an admin does to somebody's account, and why: the reason is for the audit log. */
export type Measure = { userId: number; reason: string };

type Parts = { db: Kysely<Database>; req: Request; admin: Viewer };

/**
 * Keeps somebody out from now on: every session and live stream of theirs ends on every web process, and nobody's news
 * reaches them. What they own stays.
 * @throws NotFoundError, ConflictError when they are suspended already or are the admin
 */
export async function suspend(parts: Parts, { userId, reason }: Measure): Promise<void> {
  await change(parts, userId, async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable("users")
      .set({ status: "suspended" })
      .where("id", "=", userId)
      .where("status", "=", "active")
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw new ConflictError("They are suspended already.");
    await endAllSessions(trx, userId, "suspended");
    return { action: "suspended", details: { reason } };
  });
}

/** Lets somebody in again. @throws NotFoundError, ConflictError when they are not suspended or are the admin */
export async function reinstate(parts: Parts, { userId, reason }: Measure): Promise<void> {
  await change(parts, userId, async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable("users")
      .set({ status: "active" })
      .where("id", "=", userId)
      .where("status", "=", "suspended")
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw new ConflictError("They are not suspended.");
    return { action: "reinstated", details: { reason } };
  });
}

/**
 * Gives somebody another role. They are signed out everywhere, and are shown nothing more that only the old role let them
 * know. @throws NotFoundError, ConflictError when they have it already or are the admin
 */
export async function changeRole(parts: Parts, { userId, reason }: Measure, role: Role): Promise<void> {
  await change(parts, userId, async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable("users")
      .set({ role })
      .where("id", "=", userId)
      .where("role", "!=", role)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw new ConflictError("They have this role already.");
    await endAllSessions(trx, userId, "role");
    return { action: "role_changed", details: { role, reason } };
  });
}

/** Signs somebody out everywhere. @throws NotFoundError, ConflictError when they are the admin */
export async function endSessionsOf(parts: Parts, { userId, reason }: Measure): Promise<void> {
  await change(parts, userId, async (trx) => {
    await endAllSessions(trx, userId, "signed-out");
    return { action: "session_ended", details: { reason } };
  });
}

type Done = { action: SecurityAction; details: Record<string, string> };

/**
 * The rows of both are held meanwhile, so of two admins at once the second sees what the first has done: also when it
 * was done to the second, or two who take each other's role away would leave nobody.
 * @throws NotFoundError, ConflictError; ForbiddenError when the admin is none any more
 */
async function change({ db, req, admin }: Parts, userId: number, act: (trx: Trx) => Promise<Done>): Promise<void> {
  if (userId === admin.id) throw new ConflictError("You cannot do this to your own account.");
  await db.transaction().execute(async (trx) => {
    const held = await trx
      .selectFrom("users")
      .select(["id", "role", "status"])
      .where("id", "in", [userId, admin.id])
      .orderBy("id")
      .forNoKeyUpdate()
      .execute();
    const actor = held.find(({ id }) => id === admin.id);
    if (actor?.role !== "admin" || actor.status !== "active") throw new ForbiddenError();
    if (!held.some(({ id }) => id === userId)) throw new NotFoundError();
    const done = await act(trx);
    await recordSecurityEvent(trx, req, { ...done, actorId: admin.id, subjectId: userId });
    await rightsHaveChanged(trx);
  });
}
