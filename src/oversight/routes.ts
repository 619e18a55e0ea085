import { Router } from "express";
import type { Kysely } from "kysely";
import { z } from "zod";
import { allow } from "../access.ts";
import type { Database } from "../db.ts";
import { readEvents } from "../events/log.ts";
import type { Log } from "../log.ts";
import { happenedIn } from "../notifications/kinds.ts";
import { countFailedJobs } from "../queue.ts";
import { sendPage } from "../views.ts";
import { addJobRoutes } from "./job-routes.ts";
import { addProofRoutes } from "./proof-routes.ts";

const PAGE = 50;
const query = z.object({ before: z.coerce.number().int().positive().nullable().catch(null) });

/** The admins' view of everything that happens: the event log itself, newest first, and the jobs that fail. */
export function oversightRoutes(db: Kysely<Database>, log: Log): Router {
  const router = Router();

  router.get("/oversight", allow("admin"), async (req, res) => {
    const { before } = query.parse(req.query);
    let page = readEvents(db)
      .orderBy("events.id", "desc")
      .limit(PAGE + 1);
    if (before) page = page.where("events.id", "<", before);
    const [found, failed] = await Promise.all([page.execute(), countFailedJobs(db)]);
    const events = found.slice(0, PAGE);
    const next = found.length > PAGE ? events.at(-1)?.id : null;
    sendPage(req, res, "oversight/log", { events, before, next, failed, happenedIn });
  });
  addJobRoutes(router, db, log);
  addProofRoutes(router, db, log);
  return router;
}
