import connectPgSimple from "connect-pg-simple";
import type { CookieOptions, Request, RequestHandler, Response } from "express";
import session from "express-session";
import { type Kysely, sql } from "kysely";
import type pg from "pg";
import type { Viewer } from "../access.ts";
import type { Config } from "../config.ts";
import type { Database } from "../db.ts";
import type { Log } from "../log.ts";
import { together } from "../together.ts";
import { IDLE_SECONDS } from "./own-sessions.ts";
import { createPassport } from "./passport.ts";

declare module "express-session" {
  interface SessionData {
    passport?: { user?: number };
    /** When its person signed in, in ms. */
    since?: number;
    /** With what, in words. */
    device?: string;
    /** When the store lets it go, and whose it is unless they are suspended; only where the session is merely read. */
    expires?: Date;
    viewer?: Viewer;
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
  const reading = createPassport(db, async (_id, req) => req.session.viewer);
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
    readOnly: [withStore(new ReadingStore(db)), reading.session(), tellExpiry],
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
  readonly #read: (sid: string) => Promise<session.SessionData | undefined>;
  constructor(db: Kysely<Database>) {
    super();
    this.#read = together((sids: string[]) => readSessions(db, sids));
  }

  get(sid: string, done: (error: unknown, found?: session.SessionData | null) => void): void {
    this.#read(sid).then((found) => done(null, found), done);
  }

  set(_sid: string, _data: session.SessionData, done?: (error?: unknown) => void): void {
    done?.();
  }

  destroy(_sid: string, done?: (error?: unknown) => void): void {
    done?.();
  }
}

/** Sessions with their people: of all who open a stream at the same moment with one query. */
async function readSessions(db: Kysely<Database>, sids: string[]): Promise<Map<string, session.SessionData>> {
  const { rows } = await sql<{ sid: string; sess: session.SessionData; expires: Date; viewer: Viewer | null }>`
    select sid, sess, expire as expires,
      (select jsonb_build_object('id', id, 'name', name, 'company', company, 'email', email, 'role', role)
        from users where id = (sess -> 'passport' ->> 'user')::bigint and status = 'active') as viewer
    from sessions where sid = any(${sids}::text[]) and expire > now()`.execute(db);
  return new Map(
    rows.map(({ sid, sess, expires, viewer }) => [sid, { ...sess, expires, ...(viewer ? { viewer } : {}) }]),
  );
}

const tellExpiry: RequestHandler = (req, res, next) => {
  res.locals.sessionExpires = req.session.expires;
  next();
};
