import { Router } from "express";
import type { Kysely } from "kysely";
import type { Database } from "../db.ts";
import type { Log } from "../log.ts";
import { countFailedJobs } from "../queue.ts";
import { wantsFragment } from "../views.ts";
import { addAnnouncementRoutes } from "./announcement-routes.ts";
import { addEventRoutes } from "./event-routes.ts";
import { addHealthRoutes } from "./health-routes.ts";
import { addJobRoutes } from "./job-routes.ts";
import { addLogRoutes } from "./log-routes.ts";
import { addPeopleRoutes } from "./people-routes.ts";
import { addProofRoutes } from "./proof-routes.ts";

/** The admins' view of everything: what happens, who hears of it, how all fares, who there is, and what is stuck. */
export function oversightRoutes(db: Kysely<Database>, log: Log): Router {
  const router = Router();
  // The tabs of each page say how much work is set aside.
  router.use("/oversight", async (req, res, next) => {
    if (req.user?.role === "admin" && !wantsFragment(req)) res.locals.setAside = await countFailedJobs(db);
    next();
  });
  addLogRoutes(router, db);
  addEventRoutes(router, db);
  addHealthRoutes(router, db);
  addPeopleRoutes(router, db, log);
  addJobRoutes(router, db, log);
  addAnnouncementRoutes(router, db);
  addProofRoutes(router, db, log);
  return router;
}
