import { createHash } from "node:crypto";
import type { Request } from "express";
import { type Kysely, sql } from "kysely";
import type { Viewer } from "../access.ts";
import type { Database, Db, Trx } from "../db.ts";
import { NotFoundError } from "../errors.ts";
import { addJob, type StreamEnding } from "../queue.ts";

/** One of a person's sessions as their page shows it: `id` names it and cannot be used to sign in. */
export type OwnSession = { id: string; device: string; since: Date | null; lastSeen: Date; current: boolean };

/** A session that nobody uses for so long ends. */
export const IDLE_SECONDS = 8 * 3600;

// As the index has it.
const OWNER = sql<string>`(sess -> 'passport' ->> 'user')`;

/** Signs a person in under a new session id. The session that the browser had before ends, whoever's it was. */
export async function startSession(db: Kysely<Database>, req: Request, viewer: Viewer): Promise<void> {
  const before = req.user;
  if (before) {
    const reason = before.id === viewer.id ? "renewed" : "signed-out";
    await db.transaction().execute((trx) => endSession(trx, before.id, req.sessionID, reason));
  }
  await new Promise<void>((resolve, reject) => {
    req.login(viewer, (error: unknown) => (error ? reject(error) : resolve()));
  });
}

/** A person's living sessions, the one that asks first, then the latest used. */
export async function findSessions(db: Kysely<Database>, userId: number, currentSid: string): Promise<OwnSession[]> {
  const rows = await sessionsOf(db, userId)
    .select(sql<{ since?: number; device?: string }>`sess`.as("sess"))
    .where("expire", ">", sql<Date>`now()`)
    .orderBy("expire", "desc")
    .execute();
  const sessions = rows.map(({ sid, sess, expire }) => ({
    id: nameOf(sid),
    device: sess.device ?? "A browser",
    since: sess.since ? new Date(sess.since) : null,
    lastSeen: new Date(expire.getTime() - IDLE_SECONDS * 1000),
    current: sid === currentSid,
  }));
  return sessions.sort((a, b) => Number(b.current) - Number(a.current));
}

/**
 * Ends one of a person's sessions, and with it its live streams, in the caller's transaction.
 * @param name its `id` in findSessions
 * @returns the session's id in the store
 * @throws NotFoundError when the person has no such session
 */
export async function endNamedSession(trx: Trx, userId: number, name: string): Promise<string> {
  const rows = await sessionsOf(trx, userId).execute();
  const found = rows.find(({ sid }) => nameOf(sid) === name);
  if (!found) throw new NotFoundError("There is no such session. It may have ended already.");
  await endSession(trx, userId, found.sid);
  return found.sid;
}

/** Ends a session and its live streams, in the caller's transaction. */
export async function endSession(
  trx: Trx,
  userId: number,
  sessionId: string,
  reason: StreamEnding["reason"] = "signed-out",
): Promise<void> {
  await trx.deleteFrom("sessions").where("sid", "=", sessionId).execute();
  await addJob(trx, "end_streams", { userId, sessionId, reason });
}

/** Ends all of a person's sessions but one, with their live streams, in the caller's transaction. */
export async function endOtherSessions(
  trx: Trx,
  userId: number,
  keptSid: string,
  reason: StreamEnding["reason"],
): Promise<void> {
  const ended = await trx
    .deleteFrom("sessions")
    .where(OWNER, "=", String(userId))
    .where("sid", "!=", keptSid)
    .returning("sid")
    .execute();
  for (const { sid } of ended) await addJob(trx, "end_streams", { userId, sessionId: sid, reason });
}

/** Ends all of a person's sessions with all their live streams, in the caller's transaction. */
export async function endAllSessions(trx: Trx, userId: number, reason: StreamEnding["reason"]): Promise<void> {
  await trx.deleteFrom("sessions").where(OWNER, "=", String(userId)).execute();
  await addJob(trx, "end_streams", { userId, reason });
}

function sessionsOf(db: Db, userId: number) {
  return db.selectFrom("sessions").select(["sid", "expire"]).where(OWNER, "=", String(userId));
}

function nameOf(sid: string): string {
  return createHash("sha256").update(sid).digest("base64url").slice(0, 22);
}
