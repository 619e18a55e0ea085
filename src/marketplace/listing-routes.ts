import type { Request, Response, Router } from "express";
import type { Kysely } from "kysely";
import { allow, viewerOf } from "../access.ts";
import type { Database } from "../db.ts";
import { ConflictError, InvalidError } from "../errors.ts";
import { idOf } from "../forms.ts";
import { throttled } from "../throttle.ts";
import { sendFragment, sendPage, wantsFragment } from "../views.ts";
import { versionOf } from "./action-routes.ts";
import { addressOf, browse, parseFilter } from "./browse.ts";
import { categories, currencies, keysOf, optionsOf, sorts, units } from "./choices.ts";
import { parseListing, valuesOf } from "./listing-form.ts";
import { sendListingPage, troubleOf } from "./listing-page.ts";
import { getKeptListing, type ListingView } from "./listings.ts";
import { publishListing, updateListing } from "./publishing.ts";
import { isOpen, requireOpen } from "./status.ts";

/** Browsing, one listing, and the form with which sellers publish and edit. */
export function addListingRoutes(router: Router, db: Kysely<Database>): void {
  router.get("/listings", allow("signed-in"), async (req, res) => {
    const viewer = viewerOf(req);
    const filter = parseFilter(req.query);
    if (viewer.role !== "seller") filter.mine = false;
    if (viewer.role !== "admin") filter.seller = null;
    const found = await browse(db, viewer, filter);
    const at = (page: number) => (page >= 1 && page <= found.pages ? addressOf(filter, page) : undefined);
    const pager = { previous: at(found.page - 1), next: at(found.page + 1) };
    sendPage(req, res, "marketplace/browse", { ...found, filter, values: filter, pager, ...choices });
  });

  router.get("/listings/new", allow("seller"), (req, res) => {
    sendForm(req, res, { listing: null, values: { currency: "EUR" } });
  });

  router.post("/listings", allow("seller"), throttled(db, "publishing"), async (req, res) => {
    try {
      goTo(req, res, await publishListing(db, viewerOf(req), parseListing(req.body)));
    } catch (error) {
      if (!(error instanceof InvalidError)) throw error;
      sendForm(req, res, { listing: null, values: req.body, errors: error.fields }, 422);
    }
  });

  router.get("/listings/:id", allow("signed-in"), (req, res) => sendListingPage(req, res, db, idOf(req)));

  router.get("/listings/:id/edit", allow("seller", "admin"), async (req, res) => {
    const listing = await getKeptListing(db, viewerOf(req), idOf(req));
    if (isOpen(listing.status)) return sendForm(req, res, { listing, values: valuesOf(listing) });
    await sendClosed(req, res, db, listing);
  });

  router.post("/listings/:id", allow("seller", "admin"), throttled(db, "publishing"), async (req, res) => {
    const { id } = await getKeptListing(db, viewerOf(req), idOf(req));
    try {
      const input = parseListing(req.body);
      await updateListing(db, viewerOf(req), { id, version: versionOf(req.body) }, input);
      goTo(req, res, id);
    } catch (error) {
      await sendUnsaved(req, res, db, id, error);
    }
  });
}

type Form = {
  /** The listing that is edited, as it stands now; null for a new one. */
  listing: ListingView | null;
  values: unknown;
  errors?: Record<string, string>;
  /** Whether it changed while somebody was typing. */
  conflict?: boolean;
};

const choices = {
  categories: optionsOf(categories),
  units: optionsOf(units),
  currencies: keysOf(currencies).map((currency) => ({ value: currency, text: currency })),
  sorts: optionsOf(sorts),
};

function sendForm(req: Request, res: Response, form: Form, status = 200): void {
  const send = wantsFragment(req) ? sendFragment : sendPage;
  const view = wantsFragment(req) ? "marketplace/form" : "marketplace/form-page";
  send(req, res, view, { conflict: false, ...choices, ...form }, status);
}

// What was typed is shown again, even where the listing changed meanwhile: then with its present version, so that
// whoever has looked at how it stands now can save it after all.
async function sendUnsaved(req: Request, res: Response, db: Kysely<Database>, id: number, error: unknown) {
  const listing = await getKeptListing(db, viewerOf(req), id);
  if (error instanceof InvalidError) {
    return sendForm(req, res, { listing, values: req.body, errors: error.fields }, 422);
  }
  if (!(error instanceof ConflictError)) throw error;
  const values = { ...req.body, version: listing.version };
  if (isOpen(listing.status)) return sendForm(req, res, { listing, values, conflict: true }, 409);
  await sendClosed(req, res, db, listing);
}

async function sendClosed(req: Request, res: Response, db: Kysely<Database>, listing: ListingView): Promise<void> {
  try {
    requireOpen(listing, "edited");
  } catch (error) {
    await sendListingPage(req, res, db, listing.id, troubleOf(error, null));
  }
}

function goTo(req: Request, res: Response, id: number): void {
  if (!wantsFragment(req)) return res.redirect(303, `/listings/${id}`);
  res.set("HX-Redirect", `/listings/${id}`).status(204).end();
}
