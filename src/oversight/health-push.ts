import type { Kysely } from "kysely";
import type { Database } from "../db.ts";
import type { Log } from "../log.ts";
import { PULSE_MS } from "../pulse.ts";
import { render } from "../views.ts";
import { healthView } from "./health-view.ts";

/** What can be told to all admins who are connected to this process. */
type Admins = { readonly hasAdmins: boolean; tellAdmins(fragmentIn: (locale: string) => string): void };

/**
 * Shows the admins who are connected here how everything fares, every few seconds: read once for all of them, and not at
 * all while there are none.
 * @returns stop()
 */
export function pushHealth(hub: Admins, db: Kysely<Database>, log: Log, everyMs = PULSE_MS): () => void {
  let reading = false;
  const timer = setInterval(async () => {
    if (reading || !hub.hasAdmins) return;
    reading = true;
    try {
      const show = await healthView(db);
      hub.tellAdmins((locale) => render("oversight/health-pushed", locale, show(locale)));
    } catch (error) {
      log.debug({ err: error }, "how everything fares could not be read");
    } finally {
      reading = false;
    }
  }, everyMs).unref();
  return () => clearInterval(timer);
}
