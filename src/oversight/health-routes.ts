import type { Router } from "express";
import type { Kysely } from "kysely";
import { allow } from "../access.ts";
import type { Database } from "../db.ts";
import { localeOf, sendPage } from "../views.ts";
import { healthView } from "./health-view.ts";

/** How everything fares. */
export function addHealthRoutes(router: Router, db: Kysely<Database>): void {
  router.get("/oversight/health", allow("admin"), async (req, res) => {
    const show = await healthView(db);
    sendPage(req, res, "oversight/health-page", show(localeOf(req)));
  });
}
