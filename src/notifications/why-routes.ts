import { type Request, Router } from "express";
import type { Kysely } from "kysely";
import { allow, viewerOf } from "../access.ts";
import type { Database } from "../db.ts";
import { NotFoundError } from "../errors.ts";
import { idOf, parseForm } from "../forms.ts";
import { sendFragment, sendPage, wantsFragment } from "../views.ts";
import { type Notice, readThese } from "./inbox.ts";
import { kindOf } from "./kinds.ts";
import { kindForm, wasQuery } from "./preference-form.ts";
import { chooseShown, readChoices } from "./preferences.ts";
import { reasons } from "./reasons.ts";
import { toRow } from "./rows.ts";

/** Why one was told of something, and what one can do about it right there. Behind all other GET /notifications/…. */
export function whyRoutes(db: Kysely<Database>): Router {
  const router = Router();

  router.get("/notifications/:seq", allow("signed-in"), async (req, res) => {
    const notice = await getNotice(db, req);
    const { kind, listingId, data } = notice.event;
    const why = {
      row: toRow(notice, req),
      title: data.title,
      announced: kind === "announcement" && "text" in data ? data.text : null,
      reason: notice.reason,
      ...reasons[notice.reason],
      label: kindOf(kind).label,
      was: wasQuery.parse(req.query).was,
      ...(await readChoices(db, viewerOf(req).id, { kind, listingId })),
    };
    if (wantsFragment(req)) sendFragment(req, res, "notifications/why", why);
    else sendPage(req, res, "notifications/why-page", why);
  });

  router.post("/notifications/:seq/kind", allow("signed-in"), async (req, res) => {
    const { seq, event } = await getNotice(db, req);
    const { shown, was } = parseForm(kindForm, req.body);
    await chooseShown(db, viewerOf(req).id, event.kind, shown);
    if (!wantsFragment(req)) return res.redirect(303, `/notifications/${seq}?was=${was}`);
    sendFragment(req, res, "notifications/kind", { seq, label: kindOf(event.kind).label, shown, was });
  });

  return router;
}

/** One's own notification that the path names. @throws NotFoundError when one has none of that number, or may no longer see it */
async function getNotice(db: Kysely<Database>, req: Request): Promise<Notice> {
  const [notice] = await readThese(db, viewerOf(req).id, [idOf(req, "seq")]);
  if (!notice || notice.withheld) throw new NotFoundError("There is no such notification.");
  return notice;
}
