import type { Request, Response, Router } from "express";
import type { Kysely } from "kysely";
import { z } from "zod";
import { allow, viewerOf } from "../access.ts";
import type { Database } from "../db.ts";
import { idOf, parseForm, text } from "../forms.ts";
import { throttled } from "../throttle.ts";
import { sendFragment, wantsFragment } from "../views.ts";
import { enquire } from "./enquiries.ts";
import { sendListingPage, type Trouble, troubleOf } from "./listing-page.ts";
import { getListing, type ListingView } from "./listings.ts";
import { findThreadOf } from "./threads.ts";
import { unwatchListing, watchListing } from "./watches.ts";

/** What a message must be, in a new enquiry and in a thread. */
export const messageForm = z.object({ message: text("a message", 4000) });

/** What a buyer does on the page of a listing. */
export function addBuyerRoutes(router: Router, db: Kysely<Database>): void {
  router.post("/listings/:id/watch", allow("buyer"), async (req, res) => {
    sendWatch(req, res, await watchListing(db, viewerOf(req), idOf(req)), true);
  });

  router.post("/listings/:id/unwatch", allow("buyer"), async (req, res) => {
    sendWatch(req, res, await unwatchListing(db, viewerOf(req), idOf(req)), false);
  });

  router.post("/listings/:id/enquiries", allow("buyer"), throttled(db, "writing"), async (req, res) => {
    const id = idOf(req);
    try {
      const { message } = parseForm(messageForm, req.body);
      const threadId = await enquire(db, viewerOf(req), id, message);
      if (wantsFragment(req)) return sendEnquire(req, res, db, id, { status: 200 });
      res.redirect(303, `/enquiries/${threadId}`);
    } catch (error) {
      const trouble = troubleOf(error, req.body);
      await (wantsFragment(req) ? sendEnquire(req, res, db, id, trouble) : sendListingPage(req, res, db, id, trouble));
    }
  });
}

function sendWatch(req: Request, res: Response, listing: ListingView, watching: boolean): void {
  // Whoever stops watching a withdrawn listing may have had no other reason to see it.
  const gone = listing.status === "withdrawn" && !watching;
  if (!wantsFragment(req)) return res.redirect(303, gone ? "/" : `/listings/${listing.id}`);
  sendFragment(req, res, "marketplace/watch", { listing, watching });
}

async function sendEnquire(req: Request, res: Response, db: Kysely<Database>, id: number, trouble: Trouble) {
  const viewer = viewerOf(req);
  const [listing, thread] = await Promise.all([getListing(db, viewer, id), findThreadOf(db, id, viewer.id)]);
  const { status, ...told } = trouble;
  sendFragment(req, res, "marketplace/asked", { listing, thread: thread ?? null, ...told }, status);
}
