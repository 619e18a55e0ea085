import { z } from "zod";
import type { Role } from "../db.ts";
import type { EventKind } from "../events/catalogue.ts";
import { ownPath } from "../own-path.ts";
import { canonicalZone } from "../time-zones.ts";
import { optionalKinds } from "./kinds.ts";
import type { Preferences, Shown } from "./preferences.ts";

/** The ways of being told, in the order and the words of the page. */
export const ways: { value: Shown; text: string }[] = [
  { value: "toast", text: "Toast" },
  { value: "inbox", text: "Inbox only" },
  { value: "off", text: "Off" },
];

const shown = z.enum(["toast", "inbox", "off"], "Choose toast, inbox only or off.");
const chosen = shown.optional();
const time = z
  .string()
  .default("")
  .pipe(z.string().regex(/^((?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)?$/, "Enter a time such as 22:00."))
  .transform((text) => text.slice(0, 5) || null);
const timeZone = z
  .string("Choose a time zone.")
  .transform(canonicalZone)
  .pipe(z.string("Choose a time zone from the list."));

/** How a kind was shown before the last press, for its undo. */
export const wasQuery = z.object({ was: shown.nullable().catch(null) });

/** How a kind is to be shown, from the panel beside a notification. */
export const kindForm = z.object({ shown, ...wasQuery.shape });

/** The listing that was unmuted last, to be muted again. */
export const unmutedQuery = z.object({ unmuted: z.coerce.number().int().positive().nullable().catch(null) });

/** Which listing to mute, and the page to go back to. */
export const muteForm = z.object({
  listing: z.coerce.number("Choose a listing.").int().positive().max(Number.MAX_SAFE_INTEGER),
  next: z.unknown().optional().transform(ownPath),
});

/** The form of the preferences, with the kinds of which this role hears. A kind that it lacks stays as it is. */
export function preferenceForm(role: Role) {
  const kinds = optionalKinds(role).map(({ kind }) => kind);
  return z
    .object({
      ...(Object.fromEntries(kinds.map((kind) => [kind, chosen])) as Record<EventKind, typeof chosen>),
      quiet_from: time,
      quiet_to: time,
      time_zone: timeZone,
      keep_toasts: z.unknown().optional(),
    })
    .refine((form) => form.quiet_from !== null || form.quiet_to === null, {
      path: ["quiet_from"],
      error: "Enter when quiet hours begin, or clear when they end.",
    })
    .refine((form) => form.quiet_to !== null || form.quiet_from === null, {
      path: ["quiet_to"],
      error: "Enter when quiet hours end, or clear when they begin.",
    })
    .refine((form) => form.quiet_from === null || form.quiet_from !== form.quiet_to, {
      path: ["quiet_to"],
      error: "Enter another time than that at which they begin.",
    })
    .transform(
      (form): Preferences => ({
        shown: Object.fromEntries(kinds.flatMap((kind) => (form[kind] ? [[kind, form[kind]]] : []))),
        quietFrom: form.quiet_from,
        quietTo: form.quiet_to,
        timeZone: form.time_zone,
        keepToasts: form.keep_toasts === "yes",
      }),
    );
}
