import type { RequestHandler, Router } from "express";
import type { Kysely } from "kysely";
import { z } from "zod";
import { allow, viewerOf } from "../access.ts";
import type { Database } from "../db.ts";
import { idOf, parseForm } from "../forms.ts";
import { wantsFragment } from "../views.ts";
import { parseReservation } from "./buyers.ts";
import { requireVersion, type Target } from "./change.ts";
import { extendReservation } from "./extension.ts";
import { hours } from "./hours.ts";
import { sendActed, sendListingPage, type Trouble, troubleOf } from "./listing-page.ts";
import { type Actor, getKeptListing } from "./listings.ts";
import { releaseListing, reserveListing, sellListing } from "./reservations.ts";
import { requireStep } from "./status.ts";
import { relistListing, withdrawListing } from "./withdrawal.ts";

type Action = (db: Kysely<Database>, actor: Actor, target: Target, body: unknown) => Promise<void>;

/** What a seller, or an admin for them, does to a listing: one POST for each step of its life. */
export function addActionRoutes(router: Router, db: Kysely<Database>): void {
  const keepers = allow("seller", "admin");
  router.post("/listings/:id/reservation", keepers, acting(db, reserve, "It is reserved now."));
  router.post("/listings/:id/extension", keepers, acting(db, extend, "The reservation is extended.", { until: true }));
  router.post("/listings/:id/release", keepers, acting(db, releaseListing, "It is available again."));
  router.post("/listings/:id/sale", keepers, acting(db, sellListing, "It is sold."));
  router.post("/listings/:id/withdrawal", keepers, acting(db, withdrawListing, "It is off the market."));
  router.post("/listings/:id/relisting", keepers, acting(db, relistListing, "It is on the market again."));
}

/**
 * The version of a listing that a form was made for.
 * @throws InvalidError
 */
export function versionOf(body: unknown): number {
  return parseForm(versionForm, body).version;
}

const OUTDATED = "This form does not say which version it was made for. Reload the page and try again.";
const extensionForm = z.object({ hours });
const versionForm = z.object({
  version: z
    .string({ error: OUTDATED })
    .regex(/^\d{1,9}$/, OUTDATED)
    .transform(Number),
});

function acting(
  db: Kysely<Database>,
  action: Action,
  said: string,
  more: { until?: true } = {},
): RequestHandler<{ id: string }> {
  return async (req, res) => {
    const { id } = await getKeptListing(db, viewerOf(req), idOf(req));
    const trouble = await attempt(req.body, (version) => action(db, viewerOf(req), { id, version }, req.body));
    if (wantsFragment(req)) return sendActed(req, res, db, id, trouble ?? success(said, more));
    if (trouble) return sendListingPage(req, res, db, id, trouble);
    res.redirect(303, `/listings/${id}`);
  };
}

async function attempt(body: unknown, act: (version: number) => Promise<void>): Promise<Trouble | null> {
  try {
    await act(versionOf(body));
    return null;
  } catch (error) {
    return troubleOf(error, body);
  }
}

async function reserve(db: Kysely<Database>, actor: Actor, target: Target, body: unknown): Promise<void> {
  const listing = await getKeptListing(db, actor, target.id);
  requireVersion(listing, target.version);
  requireStep(listing, "reserve");
  await reserveListing(db, actor, target, await parseReservation(db, target.id, body));
}

async function extend(db: Kysely<Database>, actor: Actor, target: Target, body: unknown): Promise<void> {
  const listing = await getKeptListing(db, actor, target.id);
  requireVersion(listing, target.version);
  requireStep(listing, "extend");
  await extendReservation(db, actor, target, parseForm(extensionForm, body).hours);
}

function success(text: string, more: { until?: true }): Trouble {
  return { status: 200, notice: { tone: "success", text, ...more } };
}
