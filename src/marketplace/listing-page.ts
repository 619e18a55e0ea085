import type { Request, Response } from "express";
import type { Kysely } from "kysely";
import { viewerOf } from "../access.ts";
import type { Database } from "../db.ts";
import { ConflictError, InvalidError } from "../errors.ts";
import { sendFragment, sendPage } from "../views.ts";
import { choiceOf, findInterested } from "./buyers.ts";
import { findHistory } from "./history.ts";
import { getListing, type ListingView, partFor } from "./listings.ts";
import { findThreadOf, findThreadsAbout } from "./threads.ts";
import { countWatchers, isWatching } from "./watches.ts";

const SUGGESTED = 50;
const THREADS = 20;
const HISTORY = 50;

/** What was wrong with what a viewer did on the page of a listing: shown there, with what they had typed. */
export type Trouble = { status: number; notice?: Notice; errors?: Record<string, string>; values?: unknown };

/** `until`: it says as well until when the listing is kept now. */
type Notice = { tone: "success" | "warning"; text: string; until?: true };

/** The page of one listing, as its viewer may see it. @throws NotFoundError */
export async function sendListingPage(
  req: Request,
  res: Response,
  db: Kysely<Database>,
  id: number,
  trouble?: Trouble,
) {
  const viewer = viewerOf(req);
  const listing = await getListing(db, viewer, id);
  const part = partFor(viewer, listing);
  const [history, audience] = await Promise.all([
    findHistory(db, viewer, listing, HISTORY),
    part === "owner" ? interestIn(db, listing) : ownInterest(db, viewer.id, listing),
  ]);
  const { status = 200, ...told } = trouble ?? {};
  sendPage(req, res, "marketplace/listing", { listing, part, history, ...audience, ...told }, status);
}

/** htmx's answer to an action on a listing: what its actor may do now, and out of band the facts and the history. */
export async function sendActed(req: Request, res: Response, db: Kysely<Database>, id: number, trouble: Trouble) {
  const viewer = viewerOf(req);
  const listing = await getListing(db, viewer, id);
  const history = await findHistory(db, viewer, listing, HISTORY);
  const { status, ...told } = trouble;
  const data = { listing, part: partFor(viewer, listing), history, ...told };
  sendFragment(req, res, "marketplace/acted", data, status);
}

/** The trouble that an action ran into, where the page of the listing is the place to show it; throws all else on. */
export function troubleOf(error: unknown, body: unknown): Trouble {
  if (error instanceof ConflictError) return { status: 409, notice: { tone: "warning", text: error.message } };
  if (error instanceof InvalidError) return { status: 422, errors: error.fields, values: body };
  throw error;
}

async function interestIn(db: Kysely<Database>, listing: ListingView) {
  const [interested, watchers, threads] = await Promise.all([
    findInterested(db, listing.id, SUGGESTED),
    countWatchers(db, listing.id),
    findThreadsAbout(db, listing.id, THREADS),
  ]);
  const choices = interested.map((buyer) => ({ value: choiceOf(buyer), asked: buyer.asked }));
  return { choices, watchers, threads };
}

async function ownInterest(db: Kysely<Database>, userId: number, listing: ListingView) {
  const [watching, thread] = await Promise.all([
    isWatching(db, userId, listing.id),
    findThreadOf(db, listing.id, userId),
  ]);
  return { watching, thread: thread ?? null };
}
