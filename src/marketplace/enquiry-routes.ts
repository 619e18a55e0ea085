import type { Request, Response, Router } from "express";
import type { Kysely } from "kysely";
import { z } from "zod";
import { allow, viewerOf } from "../access.ts";
import type { Database } from "../db.ts";
import { InvalidError } from "../errors.ts";
import { idOf, parseForm } from "../forms.ts";
import { throttled } from "../throttle.ts";
import { sendFragment, sendPage, wantsFragment } from "../views.ts";
import { messageForm } from "./buyer-routes.ts";
import { reply } from "./enquiries.ts";
import { markThreadSeen, seenOf } from "./seen.ts";
import { countThreads, findMessages, findThreads, getThread } from "./threads.ts";

const THREADS = 30;
const MESSAGES = 100;

/** The conversations about listings: a buyer's own, those about a seller's stock, all of them for an admin to read. */
export function addEnquiryRoutes(router: Router, db: Kysely<Database>): void {
  router.get("/enquiries", allow("signed-in"), async (req, res) => {
    const viewer = viewerOf(req);
    const total = await countThreads(db, viewer);
    const pages = Math.max(1, Math.ceil(total / THREADS));
    const page = Math.min(parseForm(pageForm, req.query).page, pages);
    const threads = await findThreads(db, viewer, { from: (page - 1) * THREADS, limit: THREADS });
    const at = (number: number) => (number >= 1 && number <= pages ? `/enquiries?page=${number}` : undefined);
    const pager = { previous: at(page - 1), next: at(page + 1), previousText: "Newer", nextText: "Older" };
    sendPage(req, res, "marketplace/enquiries", { threads, total, page, pages, pager });
  });

  router.get("/enquiries/:id", allow("signed-in"), (req, res) => sendThread(req, res, db));

  router.post("/enquiries/:id/messages", allow("buyer", "seller"), throttled(db, "writing"), async (req, res) => {
    const id = idOf(req);
    const thread = await getThread(db, viewerOf(req), id);
    try {
      const { message } = parseForm(messageForm, req.body);
      const sent = await reply(db, viewerOf(req), id, message);
      if (wantsFragment(req)) return sendFragment(req, res, "marketplace/sent", { thread, message: sent });
      res.redirect(303, `/enquiries/${id}#message-${sent.id}`);
    } catch (error) {
      if (!(error instanceof InvalidError)) throw error;
      const told = { values: req.body, errors: error.fields };
      if (!wantsFragment(req)) return sendThread(req, res, db, told);
      // The answer is the form and not a message, so it goes where the form is.
      res.set("HX-Retarget", `#message-form-${id}`).set("HX-Reswap", "outerHTML");
      sendFragment(req, res, "marketplace/message-form", { thread, after: "error", oob: false, ...told }, 422);
    }
  });

  router.post("/enquiries/:id/seen", allow("buyer", "seller"), async (req, res) => {
    const thread = await getThread(db, viewerOf(req), idOf(req));
    await markThreadSeen(db, viewerOf(req), thread.id, parseForm(seenForm, req.body).upTo);
    res.status(204).end();
  });
}

const seenForm = z.object({ upTo: z.coerce.number().int().min(1).max(1e15) });
const pageForm = z.object({ page: z.coerce.number().int().min(1).max(100_000).catch(1) });
const beforeForm = z.object({ before: z.coerce.number().int().min(1).max(1e15).nullable().catch(null) });

async function sendThread(
  req: Request,
  res: Response,
  db: Kysely<Database>,
  told?: { errors: object; values: unknown },
) {
  const thread = await getThread(db, viewerOf(req), idOf(req));
  const { before } = parseForm(beforeForm, req.query);
  const found = await findMessages(db, thread.id, before, MESSAGES + 1);
  const messages = found.slice(-MESSAGES);
  const earlier = found.length > MESSAGES ? messages[0]?.id : null;
  const seen = seenOf(thread, viewerOf(req).id);
  sendPage(req, res, "marketplace/enquiry", { thread, messages, earlier, before, seen, ...told }, told ? 422 : 200);
}
