import type { RequestHandler } from "express";
import type { Kysely } from "kysely";
import type { Database } from "../db.ts";
import { wantsFragment } from "../views.ts";
import { readPageHead } from "./inbox.ts";

/** Gives every page its badge, the cursor it is rendered with, and whether its toasts stay. */
export function withInbox(db: Kysely<Database>): RequestHandler {
  return async (req, res, next) => {
    if (req.user && req.method === "GET" && !wantsFragment(req)) {
      const { unseen, lastSeq, revision, keepToasts } = await readPageHead(db, req.user.id);
      Object.assign(res.locals, { unseen, cursor: lastSeq, revision, keepToasts });
    }
    next();
  };
}
