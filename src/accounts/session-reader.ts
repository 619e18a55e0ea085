import { unsign } from "cookie-signature";
import type { RequestHandler } from "express";
import { type Kysely, sql } from "kysely";
import type { Viewer } from "../access.ts";
import type { Database } from "../db.ts";
import { together } from "../together.ts";

/** A session as those see it who may not change it: `sid` is its key in the store. */
export type ReadSession = { sid: string; expires: Date };

/**
 * Who is signed in, for streams and their polling: it neither prolongs a session nor brings back one that has ended,
 * and those who come at the same moment share a query. Puts a ReadSession into res.locals.session.
 * @param name the session cookie's
 */
export function readsSessions(db: Kysely<Database>, name: string, secrets: string[]): RequestHandler {
  const find = together((sids: string[]) => findSessions(db, sids));
  return (req, res, next) => {
    const sid = sidIn(req.headers.cookie, name, secrets);
    if (sid === undefined) return next();
    find(sid).then((found) => {
      if (found) {
        const { sid, expires, ...viewer } = found;
        req.user = viewer;
        res.locals.session = { sid, expires } satisfies ReadSession;
      }
      next();
    }, next);
  };
}

// As express-session writes it: "s:" and the key with its signature, which any of the secrets may have made.
function sidIn(cookies: string | undefined, name: string, secrets: string[]): string | undefined {
  const mine = cookies?.split(/; */).find((cookie) => cookie.startsWith(`${name}=s%3A`));
  if (!mine) return undefined;
  const signed = decoded(mine.slice(name.length + 5));
  for (const secret of secrets) {
    const sid = unsign(signed, secret);
    if (sid !== false) return sid;
  }
  return undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

async function findSessions(db: Kysely<Database>, sids: string[]): Promise<Map<string, ReadSession & Viewer>> {
  const { rows } = await sql<ReadSession & Viewer>`
    select sessions.sid, sessions.expire as expires, users.id, users.name, users.company, users.email, users.role
    from sessions join users on users.id = (sessions.sess -> 'passport' ->> 'user')::bigint and users.status = 'active'
    where sessions.sid = any(${sids}::text[]) and sessions.expire > now()`.execute(db);
  return new Map(rows.map((row) => [row.sid, row]));
}
