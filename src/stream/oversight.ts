import type { LoggedEvent } from "../events/log.ts";
import { render } from "../views.ts";
import { frame } from "./frames.ts";

/** Events as the admins' log shows them, each at its top. */
export function oversightFragment(locale: string, events: LoggedEvent[]): string {
  return render("stream/oversight", locale, { events });
}

/** The same, ready for a stream. */
export function oversightFrame(locale: string, events: LoggedEvent[]): string {
  return frame("oversight", oversightFragment(locale, events));
}
