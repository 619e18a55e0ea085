import express, { type Router } from "express";
import type { Kysely } from "kysely";
import type { Database } from "../db.ts";
import { addActionRoutes } from "./action-routes.ts";
import { addBuyerRoutes } from "./buyer-routes.ts";
import { addEnquiryRoutes } from "./enquiry-routes.ts";
import { addListingRoutes } from "./listing-routes.ts";

/** Every page and action of the marketplace. */
export function marketplaceRoutes(db: Kysely<Database>): Router {
  const router = express.Router();
  addListingRoutes(router, db);
  addActionRoutes(router, db);
  addBuyerRoutes(router, db);
  addEnquiryRoutes(router, db);
  return router;
}
