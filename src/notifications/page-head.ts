import type { RequestHandler } from "express";
import type { Kysely } from "kysely";
import type { Database } from "../db.ts";
import { wantsFragment } from "../views.ts";
import { readHead } from "./heads.ts";

/** Gives every page its badge and the cursor it is rendered with. */
export function withInbox(db: Kysely<Database>): RequestHandler {
  return async (req, res, next) => {
    if (req.user && req.method === "GET" && !wantsFragment(req)) {
      const head = await readHead(db, req.user.id);
      Object.assign(res.locals, { unseen: head.unseen, cursor: head.lastSeq, revision: head.revision });
    }
    next();
  };
}
