import type { Kysely } from "kysely";
import type { Database, Db } from "../db.ts";
import { InvalidError } from "../errors.ts";
import type { EventKind } from "../events/catalogue.ts";

/** How a person is told of a kind: with a toast, in the inbox only, or not at all. */
export type Shown = "toast" | "inbox" | "off";

/**
 * How a person wants to be told. Quiet hours are local times such as "22:00", both or none, and may pass midnight.
 * `shown` has the kinds that a person has chosen about; of all others they are told with a toast.
 */
export type Preferences = {
  shown: Partial<Record<EventKind, Shown>>;
  quietFrom: string | null;
  quietTo: string | null;
  timeZone: string;
  keepToasts: boolean;
};

const UNKNOWN_ZONE = "22023";

/** A person's preferences, or null for the times and toasts of somebody who has never saved any. */
export async function findPreferences(db: Db, userId: number) {
  const [row, choices] = [
    await db.selectFrom("preferences").selectAll().where("user_id", "=", userId).executeTakeFirst(),
    await db.selectFrom("kind_preferences").select(["kind", "shown"]).where("user_id", "=", userId).execute(),
  ];
  const shown: Preferences["shown"] = Object.fromEntries(choices.map((choice) => [choice.kind, choice.shown]));
  const times = row && {
    quietFrom: row.quiet_from?.slice(0, 5) ?? null,
    quietTo: row.quiet_to?.slice(0, 5) ?? null,
    timeZone: row.time_zone,
    keepToasts: row.keep_toasts,
  };
  return { shown, times: times ?? null };
}

/**
 * Saves what a person wants, from the next event on. Kinds that are not in `shown` stay as they are.
 * @throws InvalidError when the database does not know the time zone
 */
export async function savePreferences(db: Kysely<Database>, userId: number, wanted: Preferences): Promise<void> {
  const row = {
    quiet_from: wanted.quietFrom,
    quiet_to: wanted.quietTo,
    time_zone: wanted.timeZone,
    keep_toasts: wanted.keepToasts,
  };
  await db.transaction().execute(async (trx) => {
    await trx
      .insertInto("preferences")
      .values({ user_id: userId, ...row })
      .onConflict((conflict) => conflict.column("user_id").doUpdateSet(row))
      .execute()
      .catch((error: Error & { code?: string }) => {
        if (error.code === UNKNOWN_ZONE) throw new InvalidError({ time_zone: "Choose a time zone from the list." });
        throw error;
      });
    for (const [kind, shown] of Object.entries(wanted.shown) as [EventKind, Shown][]) {
      await chooseShown(trx, userId, kind, shown);
    }
  });
}

/** From the next event on a person is told of a kind in this way. */
export async function chooseShown(db: Db, userId: number, kind: EventKind, shown: Shown): Promise<void> {
  if (shown === "toast") {
    await db.deleteFrom("kind_preferences").where("user_id", "=", userId).where("kind", "=", kind).execute();
    return;
  }
  await db
    .insertInto("kind_preferences")
    .values({ user_id: userId, kind, shown })
    .onConflict((conflict) => conflict.columns(["user_id", "kind"]).doUpdateSet({ shown }))
    .execute();
}

/** What a person has chosen that bears on events of this kind about this listing. */
export async function readChoices(db: Db, userId: number, about: { kind: EventKind; listingId: number | null }) {
  const { shown, muted, watching } = await db
    .selectNoFrom(({ selectFrom, exists }) => [
      selectFrom("kind_preferences")
        .where("user_id", "=", userId)
        .where("kind", "=", about.kind)
        .select("shown")
        .as("shown"),
      exists(
        selectFrom("mutes").where("user_id", "=", userId).where("listing_id", "=", about.listingId).select("user_id"),
      ).as("muted"),
      exists(
        selectFrom("watches").where("user_id", "=", userId).where("listing_id", "=", about.listingId).select("user_id"),
      ).as("watching"),
    ])
    .executeTakeFirstOrThrow();
  return { shown: shown ?? "toast", muted: Boolean(muted), watching: Boolean(watching) };
}
