import type { Db, Role } from "../db.ts";
import type { LoggedEvent } from "../events/log.ts";
import { type Refusal, rolesOf } from "../notifications/audience.ts";
import { kindOf } from "../notifications/kinds.ts";
import { type Reason, reasons } from "../notifications/reasons.ts";
import { type Recipient, readRecipients, reasonInWords, refusalInWords } from "./recipients.ts";

type Asked = { id: number; name: string };

/** Whether somebody was told of an event and why, or why not: `why` in whole sentences. */
export type Explanation = { person: Asked; told: Recipient | null; why: string[] };

/**
 * Why one person was or was not told of one event: from what was kept when it was delivered, and for whom it did not
 * concern from what is known of them now.
 */
export async function explain(db: Db, event: LoggedEvent, person: Asked): Promise<Explanation> {
  const [told = null] = await readRecipients(db, event.id, { only: person.id });
  if (told) return { person, told, why: [`Told: ${lower(reasonInWords(told.reason))}.`] };
  return { person, told, why: await whyNot(db, event, person.id) };
}

async function whyNot(db: Db, event: LoggedEvent, userId: number): Promise<string[]> {
  if (event.actorId === userId) return [refusalInWords.actor];
  const refusal = await db
    .selectFrom("refusals")
    .select(["why", "reason"])
    .where("event_id", "=", event.id)
    .where("user_id", "=", userId)
    .executeTakeFirst();
  if (refusal) {
    const concerned = `It concerned them: ${lower(reasonInWords(refusal.reason as Reason))}.`;
    return [concerned, refusalInWords[refusal.why as Refusal]];
  }
  if (!event.deliveredAt) return ["It has not been delivered yet: nobody has been told so far."];
  return unconcerned(db, event, userId);
}

/** It had nothing to do with them, or not yet. */
async function unconcerned(db: Db, event: LoggedEvent, userId: number): Promise<string[]> {
  const { role } = await db.selectFrom("users").select("role").where("id", "=", userId).executeTakeFirstOrThrow();
  const { audience } = kindOf(event.kind);
  if (role === "admin") return ["Admins see everything here, in the log, and are told of nothing."];
  if (!audience.some((reason) => reasons[reason].role === role)) {
    return [`${inPlural(role)} are told of nothing of this kind.`];
  }
  if ("to" in event.data) {
    if (!rolesOf(event.data.to).includes(role)) return [`It was announced to ${event.data.to}s only.`];
    return [await ofAnnounced(db, event.id, userId)];
  }
  if (role === "seller") return ["It is another seller's listing: sellers hear of their own only."];
  return [await ofBuyer(db, event, userId)];
}

async function ofAnnounced(db: Db, eventId: number, userId: number): Promise<string> {
  const waits = await db
    .selectFrom("announcements")
    .select("id")
    .where("event_id", "=", eventId)
    .where("state", "=", "sending")
    .where("sent_up_to", "<", userId)
    .where("last_user_id", ">=", userId)
    .executeTakeFirst();
  return waits
    ? "It is being sent at this moment, and their turn has not come yet."
    : "They were not among those to whom it was sent: it was stopped before their turn, or they came later.";
}

async function ofBuyer(db: Db, { listingId, occurredAt }: LoggedEvent, userId: number): Promise<string> {
  const begun = await db
    .selectFrom("watches")
    .select("created_at")
    .where("user_id", "=", userId)
    .where("listing_id", "=", listingId)
    .unionAll(
      db
        .selectFrom("enquiries")
        .select("created_at")
        .where("buyer_id", "=", userId)
        .where("listing_id", "=", listingId),
    )
    .orderBy("created_at")
    .execute();
  const first = begun[0]?.created_at;
  if (!first) return "They neither watched it, nor had they asked about it, nor was it reserved for them.";
  if (first > occurredAt) return "They began to watch it, or asked about it, only after it had happened.";
  return "What they have to do with this listing is not a reason to be told of this.";
}

function inPlural(role: Role): string {
  return `${role.charAt(0).toUpperCase()}${role.slice(1)}s`;
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
