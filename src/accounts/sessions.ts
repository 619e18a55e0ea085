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

declare module "express-session" {
  interface SessionData {
    passport?: { user?: number };
    /** When its person signed in, in ms. */
    since?: number;
    /** With what, in words. */
    device?: string;
    /** When the store lets it go; only where the session is merely read. */
    expires?: Date;
  }
}

type Parts = { config: Config; pool: pg.Pool; db: Kysely<Database>; log: Log };
export type Sessions = { middleware: RequestHandler[]; readOnly: RequestHandler[] };

/**
 * Who is signed in, by cookie and the table `sessions`; the person is read anew for every request.
 * @returns `middleware` keeps the session alive; `readOnly`, for streams and their polling, neither prolongs a session
 *   nor brings back one that has ended, and puts the time at which it runs out into res.locals.sessionExpires
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
  const withStore = (chosen: session.Store) =>
    session({
      store: chosen,
      ...cookieOf(config),
      secret: config.sessionSecrets,
      resave: false,
      saveUninitialized: false,
    });
  return {
    middleware: [withStore(store), passport.session()],
    readOnly: [withStore(new ReadingStore(pool)), passport.session(), tellExpiry],
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
}

/** Sessions as they are, for those who must not change them. Without `touch` nothing is prolonged. */
class ReadingStore extends session.Store {
  readonly #pool: pg.Pool;
  constructor(pool: pg.Pool) {
    super();
    this.#pool = pool;
  }

  get(sid: string, done: (error: unknown, found?: session.SessionData | null) => void): void {
    this.#pool.query("select sess, expire from sessions where sid = $1 and expire > now()", [sid]).then(
      ({ rows: [row] }) => done(null, row && { ...row.sess, expires: row.expire }),
      (error) => done(error),
    );
  }

  set(_sid: string, _data: session.SessionData, done?: (error?: unknown) => void): void {
    done?.();
  }

  destroy(_sid: string, done?: (error?: unknown) => void): void {
    done?.();
  }
}

const tellExpiry: RequestHandler = (req, res, next) => {
  res.locals.sessionExpires = req.session.expires;
  next();
};
