import { randomUUID } from "node:crypto";
import type { Request, Response, Router } from "express";
import type { Kysely } from "kysely";
import { z } from "zod";
import { allow, viewerOf } from "../access.ts";
import { recordSecurityEvent, type SecurityAction } from "../accounts/audit.ts";
import type { Database, Trx } from "../db.ts";
import { ConflictError, InvalidError } from "../errors.ts";
import { idOf } from "../forms.ts";
import {
  beginToRecall,
  beginToSend,
  countRecipients,
  type Draft,
  getAnnouncement,
  readAnnouncements,
  requireSomebody,
  resumeSending,
  stopSending,
} from "../notifications/announcements.ts";
import { rowFor } from "../notifications/rows.ts";
import { localeOf, sendFragment, sendPage, wantsFragment } from "../views.ts";
import { audiences, MOST_TEXT, MOST_TITLE, parseDraft, parseSending } from "./announcement-form.ts";

const PAGE = 50;
const PATH = "/oversight/announcements";
// On a phone they lie below the form.
const SENT = `${PATH}#announced`;
const query = z.object({ before: z.coerce.number().int().positive().nullable().catch(null) });

/** What admins announce to many: writing it, looking at it before it goes out, and stopping it or taking it back. */
export function addAnnouncementRoutes(router: Router, db: Kysely<Database>): void {
  router.get(PATH, allow("admin"), (req, res) => sendAnnouncements(req, res, db, {}));

  router.post(`${PATH}/preview`, allow("admin"), async (req, res) => {
    if (req.body.change !== undefined) return sendAnnouncements(req, res, db, { values: req.body });
    await orForm(req, res, db, async () => {
      const draft = parseDraft(req.body);
      const { total } = await countRecipients(db, draft.to, viewerOf(req).id);
      requireSomebody(total);
      const page = { draft, total, audiences, token: randomUUID(), row: previewOf(req, draft) };
      sendPage(req, res, "oversight/announcement-preview", page);
    });
  });

  router.post(PATH, allow("admin"), (req, res) =>
    orForm(req, res, db, async () => {
      const { token = randomUUID(), ...draft } = parseSending(req.body);
      await db.transaction().execute(async (trx) => {
        const begun = await beginToSend(trx, viewerOf(req), { ...draft, token });
        if (begun)
          await note(trx, req, "announcement_sent", { announcement: begun.id, to: draft.to, total: begun.total });
      });
      if (wantsFragment(req)) res.set("HX-Redirect", PATH).status(204).end();
      else res.redirect(303, SENT);
    }),
  );

  for (const [name, step] of Object.entries(steps)) {
    router.post(`${PATH}/:id/${name}`, allow("admin"), (req, res) => take(req, res, db, step));
  }
}

type Step = { act: (trx: Trx, id: number) => Promise<unknown>; action: SecurityAction };

const steps: Record<string, Step> = {
  stop: { act: stopSending, action: "announcement_stopped" },
  resume: { act: resumeSending, action: "announcement_resumed" },
  recall: { act: beginToRecall, action: "announcement_recalled" },
};

/** One step of an announcement, with its entry in the audit log; none where it had been taken before. */
async function take(req: Request, res: Response, db: Kysely<Database>, { act, action }: Step): Promise<void> {
  const id = idOf(req);
  try {
    await db.transaction().execute(async (trx) => {
      if ((await act(trx, id)) !== false) await note(trx, req, action, { announcement: id });
    });
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    if (wantsFragment(req)) return sendOne(req, res, db, id, 409);
    return sendAnnouncements(req, res, db, { notice: { tone: "warning", text: error.message } }, 409);
  }
  if (wantsFragment(req)) await sendOne(req, res, db, id);
  else res.redirect(303, SENT);
}

function note(trx: Trx, req: Request, action: SecurityAction, details: Record<string, string | number>): Promise<void> {
  return recordSecurityEvent(trx, req, { action, actorId: viewerOf(req).id, subjectId: null, details });
}

async function sendOne(req: Request, res: Response, db: Kysely<Database>, id: number, status = 200): Promise<void> {
  const announcement = await getAnnouncement(db, id);
  sendFragment(req, res, "oversight/announcement", { announcement, swapped: true }, status);
}

type Said = {
  values?: Record<string, unknown>;
  errors?: Record<string, string>;
  notice?: { tone: string; text: string };
};

async function sendAnnouncements(req: Request, res: Response, db: Kysely<Database>, said: Said, status = 200) {
  const form = { values: {}, notice: null, audiences, mostTitle: MOST_TITLE, mostText: MOST_TEXT, ...said };
  if (said.errors && wantsFragment(req)) return sendFragment(req, res, "oversight/announcement-form", form, status);
  const { before } = query.parse(req.query);
  const found = await readAnnouncements(db, before, PAGE + 1);
  const shown = found.slice(0, PAGE);
  const next = found.length > PAGE ? shown.at(-1)?.id : null;
  sendPage(req, res, "oversight/announcements", { announcements: shown, before, next, ...form }, status);
}

/** Does what was asked for, or shows the form again with what is wrong in it. */
async function orForm(req: Request, res: Response, db: Kysely<Database>, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    await sendAnnouncements(req, res, db, { values: req.body, errors: error.fields }, 422);
  }
}

/** The notification as its readers will see it. */
function previewOf(req: Request, data: Draft) {
  const ids = { id: 0, actorId: viewerOf(req).id, listingId: null, enquiryId: null };
  const times = { occurredAt: new Date(), deliveredAt: null };
  const event = { ...ids, ...times, kind: "announcement", data, actorCompany: null } as const;
  const reason = data.to === "seller" ? "announced_to_sellers" : "announced_to_buyers";
  return rowFor({ seq: 0, reason, quiet: false, readAt: null, archivedAt: null, event }, localeOf(req));
}
