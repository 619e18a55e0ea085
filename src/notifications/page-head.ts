import type { RequestHandler } from "express";
import type { Kysely } from "kysely";
import type { Database } from "../db.ts";
import { wantsFragment } from "../views.ts";

/** Gives every page its badge, the cursor it is rendered with, and whether its toasts are to stay. */
export function withInbox(db: Kysely<Database>): RequestHandler {
  return async (req, res, next) => {
    if (req.user && req.method === "GET" && !wantsFragment(req)) {
      Object.assign(res.locals, await findPageHead(db, req.user.id));
    }
    next();
  };
}

/** What the frame of a page says of its reader's inbox, by its names there: one query, for every page. */
async function findPageHead(db: Kysely<Database>, userId: number) {
  return db
    .selectFrom("inboxes")
    .leftJoin("preferences", "preferences.user_id", "inboxes.user_id")
    .where("inboxes.user_id", "=", userId)
    .select(["unseen", "last_seq as cursor", "revision", "keep_toasts as keepToasts"])
    .executeTakeFirst();
}
