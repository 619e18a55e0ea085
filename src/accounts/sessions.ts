import connectPgSimple from "connect-pg-simple";
import type { CookieOptions, Request, RequestHandler, Response } from "express";
import session from "express-session";
import type { Kysely } from "kysely";
import type pg from "pg";
import type { Config } from "../config.ts";
import type { Database } from "../db.ts";
import type { Log } from "../log.ts";
import { IDLE_SECONDS } from "./own-sessions.ts";
import { createPassport } from "./passport.ts";
import { readsSessions } from "./session-reader.ts";

declare module "express-session" {
  interface SessionData {
    passport?: { user?: number };
    /** When its person signed in, in ms. */
    since?: number;
    /** With what, in words. */
    device?: string;
  }
}

type Parts = { config: Config; pool: pg.Pool; db: Kysely<Database>; log: Log };
export type Sessions = { middleware: RequestHandler[]; readOnly: RequestHandler };

/**
 * Who is signed in, by cookie and the table `sessions`; the person is read anew for every request.
 * @returns `middleware` keeps the session alive; `readOnly` is for streams and their polling: see readsSessions
 */
export function createSessions({ config, pool, db, log }: Parts): Sessions {
  const passport = createPassport(db);
  const PgStore = connectPgSimple(session);
  const store = new PgStore({
    pool,
    tableName: "sessions",
    createTableIfMissing: false,
    ttl: IDLE_SECONDS,
    errorLog: (message: unknown) => log.warn({ reason: String(message) }, "expired sessions stay for now"),
  });
  const keeping = session({
    store,
    ...cookieOf(config),
    secret: config.sessionSecrets,
    resave: false,
    saveUninitialized: false,
  });
  return {
    middleware: [keeping, passport.session()],
    readOnly: readsSessions(db, cookieOf(config).name, config.sessionSecrets),
  };
}

/** The session cookie's name and attributes. It has no date: the store knows how long a session lives. */
function cookieOf({ production }: Pick<Config, "production">): { name: string; cookie: CookieOptions } {
  const cookie = { httpOnly: true, sameSite: "lax", path: "/", secure: production } as const;
  return { name: production ? "__Host-stockbell" : "stockbell", cookie };
}

/** Takes the session away from the browser that holds it. That it has ended is the store's matter: see endSession. */
export async function dropSession(config: Pick<Config, "production">, req: Request, res: Response): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    req.session.destroy((error: unknown) => (error ? reject(error) : resolve()));
  });
  const { name, cookie } = cookieOf(config);
  res.clearCookie(name, cookie);
  // Pages that the browser keeps at hand for its Back button go as well. We store nothing there; and to clear "storage" as
  // well ends the worker that all tabs share, seconds later and without a word, when somebody has signed in again.
  res.set("Clear-Site-Data", '"cache"');
}
