import { type Request, type Response, Router } from "express";
import type { Kysely } from "kysely";
import { z } from "zod";
import { allow, viewerOf } from "../access.ts";
import type { Database } from "../db.ts";
import type { EventKind } from "../events/catalogue.ts";
import { idOf, parseForm } from "../forms.ts";
import { sendFragment, sendPage, wantsFragment } from "../views.ts";
import { readGroups, readListings } from "./groups.ts";
import { readHead } from "./heads.ts";
import { readPage, readThese, shows } from "./inbox.ts";
import { kinds, kindsFor } from "./kinds.ts";
import { archive, markAllRead, markRead, markSeen } from "./marks.ts";
import { toRow } from "./rows.ts";

const PAGE = 25;
const number = z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER).nullable().catch(null);
const query = z.object({
  show: z.enum(shows).catch("all"),
  by: z.enum(["time", "listing"]).catch("time"),
  kind: z
    .enum(Object.keys(kinds) as [EventKind, ...EventKind[]])
    .nullable()
    .catch(null),
  listing: number,
  before: number,
});
const upTo = z.object({ upTo: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER) });

/** The inbox: reading it, and marking what is in it. */
export function notificationRoutes(db: Kysely<Database>): Router {
  const router = Router();

  router.get("/notifications", allow("signed-in"), (req, res) => sendInbox(req, res, db));

  router.post("/notifications/read-all", allow("signed-in"), async (req, res) => {
    await markAllRead(db, viewerOf(req).id, parseForm(upTo, req.body).upTo);
    done(req, res);
  });

  router.post("/notifications/seen", allow("signed-in"), async (req, res) => {
    await markSeen(db, viewerOf(req).id, parseForm(upTo, req.body).upTo);
    done(req, res);
  });

  for (const [name, mark] of Object.entries(marks)) {
    router.post(`/notifications/:seq/${name}`, allow("signed-in"), async (req, res) => {
      const seq = idOf(req, "seq");
      await mark(db, viewerOf(req).id, seq);
      if (wantsFragment(req)) await sendMarked(req, res, db, seq);
      else res.redirect(303, name === "archive" ? `/notifications?undo=${seq}` : "/notifications");
    });
  }
  return router;

  /** A plain browser goes back to the list; htmx is told of the change by the stream, like every other tab. */
  function done(req: Request, res: Response): void {
    if (wantsFragment(req)) res.status(204).end();
    else res.redirect(303, "/notifications");
  }
}

type MarkOne = (db: Kysely<Database>, userId: number, seq: number) => Promise<void>;

const marks: Record<string, MarkOne> = {
  read: (db, userId, seq) => markRead(db, userId, seq, true),
  unread: (db, userId, seq) => markRead(db, userId, seq, false),
  archive: (db, userId, seq) => archive(db, userId, seq, true),
  unarchive: (db, userId, seq) => archive(db, userId, seq, false),
};

async function sendInbox(req: Request, res: Response, db: Kysely<Database>): Promise<void> {
  const viewer = viewerOf(req);
  const asked = query.parse(req.query);
  const undo = number.parse(req.query.undo);
  const [archived] = undo ? await readThese(db, viewer.id, [undo]) : [];
  const shared = {
    ...asked,
    undo: archived?.archivedAt ? toRow(archived, req) : null,
    kinds: kindsFor(viewer.role),
    listings: await readListings(db, viewer, asked.show),
    query: (change: object) => queryOf({ ...asked, ...change }),
  };
  if (asked.by === "listing") {
    const found = await readGroups(db, viewer.id, asked, PAGE + 1);
    const groups = found.slice(0, PAGE).map(({ newest, ...counts }) => ({ ...toRow(newest, req), ...counts }));
    return sendPage(req, res, "notifications/groups", { ...shared, groups, next: after(found, groups) });
  }
  const found = await readPage(db, viewer.id, asked, PAGE + 1);
  const all = found.slice(0, PAGE).map((notice) => toRow(notice, req));
  // A filter would say of what is withheld what it is about.
  const rows = asked.kind || asked.listing ? all.filter(({ hidden }) => !hidden) : all;
  sendPage(req, res, "notifications/inbox", { ...shared, rows, next: after(found, all) });
}

/** The parameters of an address of the inbox: what is as it is without them is left out. */
function queryOf(asked: Record<string, unknown>): string {
  const said = Object.entries(asked).filter(([, value]) => value !== null && value !== "all" && value !== "time");
  return new URLSearchParams(said.map(([name, value]): [string, string] => [name, String(value)])).toString();
}

/** The number before which the next page begins, if there is one. */
function after(found: unknown[], shown: { seq: number }[]): number | null {
  return found.length > shown.length ? (shown.at(-1)?.seq ?? null) : null;
}

/** The row as it stands now; nothing where a later one has taken its place meanwhile. Where it goes no row has to say. */
async function sendMarked(req: Request, res: Response, db: Kysely<Database>, seq: number): Promise<void> {
  const viewer = viewerOf(req);
  const [notice] = await readThese(db, viewer.id, [seq]);
  const { unseen, revision } = await readHead(db, viewer.id);
  res.set({ "HX-Retarget": "closest li", "HX-Reswap": "outerHTML" });
  sendFragment(req, res, "notifications/marked", { row: notice && toRow(notice, req), unseen, revision });
}
