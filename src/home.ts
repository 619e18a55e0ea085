import express, { type Request, type Response, type Router } from "express";
import type { Kysely } from "kysely";
import { allow, type Viewer } from "./access.ts";
import type { Database } from "./db.ts";
import { countByStatus, findMostWatched, findReservedBy, findReservedFor } from "./marketplace/overview.ts";
import { findThreads } from "./marketplace/threads.ts";
import { findWatched } from "./marketplace/watches.ts";
import { readPage } from "./notifications/inbox.ts";
import { toRow } from "./notifications/rows.ts";
import { sendPage } from "./views.ts";

const WATCHED = 60;
const ROWS = 8;
const MOVED = 5;

/** The first page: the front page for strangers, the dashboard of their role for everybody else. */
export function homeRoutes(db: Kysely<Database>): Router {
  const router = express.Router();
  router.get("/", allow("anyone"), async (req, res) => {
    if (!req.user) return sendPage(req, res, "front");
    if (req.user.role === "admin") return res.redirect(303, "/oversight");
    await (req.user.role === "buyer" ? sendBuyerHome : sendSellerHome)(req, res, db, req.user);
  });
  return router;
}

async function sendBuyerHome(req: Request, res: Response, db: Kysely<Database>, viewer: Viewer): Promise<void> {
  const unread = { show: "unread", kind: null, listing: null, before: null } as const;
  const [moved, watched, reserved, threads] = await Promise.all([
    readPage(db, viewer.id, unread, MOVED),
    findWatched(db, viewer.id, WATCHED + 1),
    findReservedFor(db, viewer.id),
    findThreads(db, viewer, { from: 0, limit: ROWS }),
  ]);
  const shown = watched.slice(0, WATCHED);
  sendPage(req, res, "home/buyer", {
    ...{ moved: moved.map((notice) => toRow(notice, req)), most: MOVED },
    ...{ watched: shown, more: watched.length > WATCHED, reserved, threads },
  });
}

async function sendSellerHome(req: Request, res: Response, db: Kysely<Database>, viewer: Viewer): Promise<void> {
  const [threads, reserved, counts, listings] = await Promise.all([
    findThreads(db, viewer, { from: 0, limit: ROWS }),
    findReservedBy(db, viewer.id, ROWS),
    countByStatus(db, viewer.id),
    findMostWatched(db, viewer.id, ROWS),
  ]);
  sendPage(req, res, "home/seller", { threads, reserved, counts, listings });
}
