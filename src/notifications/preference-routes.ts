import { type Request, type Response, Router } from "express";
import type { Kysely } from "kysely";
import { allow, viewerOf } from "../access.ts";
import type { Database } from "../db.ts";
import { InvalidError } from "../errors.ts";
import { idOf, parseForm } from "../forms.ts";
import { timeZones } from "../time-zones.ts";
import { sendFragment, sendPage, wantsFragment } from "../views.ts";
import { optionalKinds } from "./kinds.ts";
import { findMuted, findToldListing, muteListing, type ToldListing, unmuteListing } from "./mutes.ts";
import { muteForm, preferenceForm, unmutedQuery, ways } from "./preference-form.ts";
import { findPreferences, savePreferences } from "./preferences.ts";
import { hasCertainReasons } from "./reasons.ts";

type Typed = { values: Record<string, unknown>; errors: Record<string, string> };

/** The page of how one is told: its form, and the listings that one has muted. */
export function preferenceRoutes(db: Kysely<Database>): Router {
  const router = Router();

  router.get("/notifications/preferences", allow("signed-in"), (req, res) => showPreferences(req, res, null));

  router.post("/notifications/preferences", allow("signed-in"), async (req, res) => {
    const viewer = viewerOf(req);
    try {
      await savePreferences(db, viewer.id, parseForm(preferenceForm(viewer.role), req.body));
    } catch (error) {
      if (!(error instanceof InvalidError)) throw error;
      return showPreferences(req, res, { values: req.body ?? {}, errors: error.fields });
    }
    // The page comes anew for htmx too: what the frame of every page says of toasts has changed with it.
    const path = "/notifications/preferences?saved=yes";
    if (wantsFragment(req)) res.set("HX-Redirect", path).status(204).end();
    else res.redirect(303, path);
  });

  router.post("/notifications/mutes", allow("signed-in"), async (req, res) => {
    const { listing, next } = parseForm(muteForm, req.body);
    sendMute(req, res, await muteListing(db, viewerOf(req).id, listing), true, next);
  });

  router.post("/notifications/mutes/:listing/delete", allow("signed-in"), async (req, res) => {
    const { listing, next } = parseForm(muteForm, { ...req.body, listing: idOf(req, "listing") });
    sendMute(req, res, await unmuteListing(db, viewerOf(req).id, listing), false, next);
  });

  return router;

  async function showPreferences(req: Request, res: Response, typed: Typed | null): Promise<void> {
    const { id, role } = viewerOf(req);
    const { shown, times } = await findPreferences(db, id);
    const saved = { ...shown, ...valuesOf(times) };
    const form = {
      values: typed ? { ...saved, keep_toasts: "", ...typed.values } : saved,
      errors: typed?.errors,
      ...{ kinds: optionalKinds(role), certain: hasCertainReasons(role), ways, timeZones },
      guess: !times && !typed,
    };
    const status = typed ? 422 : 200;
    if (typed && wantsFragment(req)) return sendFragment(req, res, "notifications/preference-form", form, status);
    const muted = await findMuted(db, id);
    const { unmuted } = unmutedQuery.parse(req.query);
    const again = unmuted && muted.every((one) => one.id !== unmuted) ? await findToldListing(db, id, unmuted) : null;
    sendPage(
      req,
      res,
      "notifications/preferences",
      { ...form, muted, again, saved: req.query.saved === "yes" },
      status,
    );
  }
}

type Times = Awaited<ReturnType<typeof findPreferences>>["times"];

function valuesOf(times: Times): Record<string, string> {
  return {
    quiet_from: times?.quietFrom ?? "",
    quiet_to: times?.quietTo ?? "",
    time_zone: times?.timeZone ?? "UTC",
    keep_toasts: times?.keepToasts ? "yes" : "",
  };
}

function sendMute(req: Request, res: Response, listing: ToldListing, muted: boolean, next: string): void {
  if (wantsFragment(req)) sendFragment(req, res, "notifications/mute", { listing, muted, next });
  else res.redirect(303, next);
}
