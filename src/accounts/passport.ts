import type { Request, Response } from "express";
import type { Kysely } from "kysely";
import passport from "passport";
import { Strategy } from "passport-local";
import type { Viewer } from "../access.ts";
import type { Database } from "../db.ts";
import { deviceOf } from "./device.ts";
import { verifyPassword } from "./passwords.ts";
import { findActiveUser, findUserByEmail } from "./users.ts";

export type Passport = ReturnType<typeof createPassport>;

/**
 * Passport as Stockbell uses it: email and password, and of a person only the id in the session. It holds no state, so
 * whoever needs it makes one.
 */
export function createPassport(db: Kysely<Database>) {
  const own = new passport.Passport();
  // Passport has just given the session a new id when it asks what to write into it.
  own.serializeUser((req: Request, user: Express.User, done: (error: unknown, id?: number) => void) => {
    Object.assign(req.session, { since: Date.now(), device: deviceOf(req.get("User-Agent")) });
    done(null, user.id);
  });
  own.deserializeUser((id: number, done: (error: unknown, user?: Viewer | false) => void) => {
    findActiveUser(db, id).then((user) => done(null, user ?? false), done);
  });
  own.use(
    new Strategy({ usernameField: "email", passwordField: "password" }, (email, password, done) => {
      checkCredentials(db, email, password).then((user) => done(null, user ?? false), done);
    }),
  );
  return own;
}

/** Asks the local strategy about the request's `email` and `password`: the person, or null when they are not right. */
export function authenticate(own: Passport, req: Request, res: Response): Promise<Viewer | null> {
  return new Promise((resolve, reject) => {
    const decided = (error: unknown, user: Viewer | false) => (error ? reject(error) : resolve(user || null));
    own.authenticate("local", decided)(req, res, reject);
  });
}

// A suspended person is refused in the same words and the same time as one with a wrong password.
async function checkCredentials(db: Kysely<Database>, email: string, password: string): Promise<Viewer | undefined> {
  const found = await findUserByEmail(db, email);
  const right = await verifyPassword(found?.passwordHash, password);
  if (!found || !right || found.status !== "active") return undefined;
  const { passwordHash: _, status: __, ...viewer } = found;
  return viewer;
}
