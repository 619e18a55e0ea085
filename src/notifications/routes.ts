import { type Request, type Response, Router } from "express";
import type { Kysely } from "kysely";
import { z } from "zod";
import { allow, viewerOf } from "../access.ts";
import type { Database } from "../db.ts";
import type { EventKind } from "../events/catalogue.ts";
import { idOf, parseForm } from "../forms.ts";
import { sendFragment, sendPage, wantsFragment } from "../views.ts";
import { markAllRead, markRead, markSeen, readHead, readPage, readThese } from "./inbox.ts";
import { kinds } from "./kinds.ts";
import { toRow } from "./rows.ts";

const PAGE = 25;
const query = z.object({
  show: z.enum(["all", "unread"]).catch("all"),
  kind: z
    .enum(Object.keys(kinds) as [EventKind, ...EventKind[]])
    .nullable()
    .catch(null),
  before: z.coerce.number().int().positive().nullable().catch(null),
});
const upTo = z.object({ upTo: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER) });

/** The inbox: reading it, and marking what is in it. */
export function notificationRoutes(db: Kysely<Database>): Router {
  const router = Router();

  router.get("/notifications", allow("signed-in"), async (req, res) => {
    const viewer = viewerOf(req);
    const { show, kind, before } = query.parse(req.query);
    const found = await readPage(db, viewer.id, { unreadOnly: show === "unread", kind, before }, PAGE + 1);
    const head = await readHead(db, viewer.id);
    const shown = found.slice(0, PAGE);
    sendPage(req, res, "notifications/inbox", {
      rows: shown.map((notice) => toRow(notice, req)),
      show,
      kind,
      before,
      next: found.length > PAGE ? shown.at(-1)?.seq : null,
      unread: head.unread,
    });
  });

  router.post("/notifications/read-all", allow("signed-in"), async (req, res) => {
    await markAllRead(db, viewerOf(req).id, parseForm(upTo, req.body).upTo);
    done(req, res);
  });

  router.post("/notifications/seen", allow("signed-in"), async (req, res) => {
    await markSeen(db, viewerOf(req).id, parseForm(upTo, req.body).upTo);
    done(req, res);
  });

  router.post("/notifications/:seq/read", allow("signed-in"), (req, res) => mark(req, res, true));
  router.post("/notifications/:seq/unread", allow("signed-in"), (req, res) => mark(req, res, false));
  return router;

  async function mark(req: Request, res: Response, read: boolean): Promise<void> {
    const viewer = viewerOf(req);
    const seq = idOf(req, "seq");
    await markRead(db, viewer.id, seq, read);
    if (!wantsFragment(req)) return done(req, res);
    const [notice] = await readThese(db, viewer.id, [seq]);
    const { unseen, revision } = await readHead(db, viewer.id);
    sendFragment(req, res, "notifications/marked", { row: notice && toRow(notice, req), unseen, revision });
  }

  /** A plain browser goes back to the list; htmx is told of the change by the stream, like every other tab. */
  function done(req: Request, res: Response): void {
    if (wantsFragment(req)) res.status(204).end();
    else res.redirect(303, "/notifications");
  }
}
