import type { Request } from "express";
import { addressOf } from "../address.ts";
import type { Db } from "../db.ts";

/** What concerns the security of an account, or what an admin does to many, in words that auditors can search for. */
export type SecurityAction =
  | "account_created"
  | "signed_in"
  | "sign_in_refused"
  | "sign_in_throttled"
  | "signed_out"
  | "session_ended"
  | "password_changed"
  | "password_change_refused"
  | "role_changed"
  | "suspended"
  | "reinstated"
  | "announcement_sent"
  | "announcement_stopped"
  | "announcement_resumed"
  | "announcement_recalled"
  | "job_given_up";

/**
 * @property actorId who did it; null when nobody has shown who they are
 * @property subjectId whose account it is about; null when there is no such account
 * @property details nothing secret: no password, no cookie, no email address
 */
type SecurityEvent = {
  action: SecurityAction;
  actorId: number | null;
  subjectId: number | null;
  details?: Record<string, string | number | boolean>;
};

/**
 * Adds to the audit log, which the database lets nobody change: in the transaction of the change that it tells of, where
 * there is one, so that neither is there without the other.
 * @param req the request that it came with: its address and its id are noted
 */
export async function recordSecurityEvent(db: Db, req: Request, event: SecurityEvent): Promise<void> {
  await db
    .insertInto("audit_log")
    .values({
      action: event.action,
      actor_id: event.actorId,
      subject_id: event.subjectId,
      address: addressOf(req),
      request_id: req.id === undefined ? null : String(req.id),
      details: JSON.stringify(event.details ?? {}),
    })
    .execute();
}

/** What somebody has done to their own account. */
export function by({ id }: { id: number }): { actorId: number; subjectId: number } {
  return { actorId: id, subjectId: id };
}

/** Whether a person has signed in from this address of late. */
export async function isKnownAddress(db: Db, userId: number, address: string): Promise<boolean> {
  const found = await db
    .selectFrom("audit_log")
    .select("id")
    .where("subject_id", "=", userId)
    .where("action", "=", "signed_in")
    .where("address", "=", address)
    .where("at", ">", new Date(Date.now() - KNOWN_DAYS * 86_400_000))
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

const KNOWN_DAYS = 90;

const IN_WORDS: Record<SecurityAction, string> = {
  account_created: "The account was created",
  signed_in: "Signed in",
  sign_in_refused: "Somebody typed a wrong password",
  sign_in_throttled: "Too many wrong passwords: further tries had to wait",
  signed_out: "Signed out",
  session_ended: "A session was ended",
  password_changed: "The password was changed",
  password_change_refused: "A change of the password was refused",
  role_changed: "The role was changed",
  suspended: "The account was suspended",
  reinstated: "The account was reinstated",
  announcement_sent: "An announcement was sent",
  announcement_stopped: "An announcement was stopped",
  announcement_resumed: "An announcement was resumed",
  announcement_recalled: "An announcement was taken back",
  job_given_up: "A job was given up",
};

/** What happened, as the person reads it whose account it is, and admins. */
export function inWords(action: string, details: Record<string, unknown>): string {
  if (action === "role_changed" && typeof details.role === "string") return `The role was changed to ${details.role}`;
  // One that its owner ends is one of several; an admin, who says why, ends all of them.
  if (action === "session_ended" && "reason" in details) return "All sessions were ended";
  if (action === "sign_in_refused" && details.because === "suspended")
    return "Somebody typed the right password while the account was suspended";
  return IN_WORDS[action as SecurityAction] ?? action;
}

/** What happened to a person's account of late, in words, the latest first; and from where, unless an admin did it. */
export async function findOwnSecurityEvents(db: Db, userId: number, limit: number) {
  const rows = await db
    .selectFrom("audit_log")
    .select(["at", "action", "address", "actor_id as actorId", "details"])
    .where("subject_id", "=", userId)
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return rows.map(({ at, action, address, actorId, details }) => ({
    at,
    address: actorId === null || actorId === userId ? address : null,
    words: inWords(action, details),
  }));
}
