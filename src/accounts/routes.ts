import { Router } from "express";
import type { Kysely } from "kysely";
import type { Config } from "../config.ts";
import type { Database } from "../db.ts";
import type { Log } from "../log.ts";
import { ownAccountRoutes } from "./account.ts";
import { entranceRoutes } from "./entrance.ts";
import type { HashCost } from "./passwords.ts";

export type AccountParts = {
  config: Config;
  db: Kysely<Database>;
  log: Log;
  /** What a password's hash is to cost, if not what it does by itself: the suite's are cheap. */
  hashCost?: HashCost | undefined;
};

/** Coming in, going out, and one's own account. */
export function accountRoutes(parts: AccountParts): Router {
  return Router().use(entranceRoutes(parts), ownAccountRoutes(parts));
}
