import type { Request, Response } from "express";
import type { Kysely } from "kysely";
import passport from "passport";
import { Strategy } from "passport-local";
import type { Viewer } from "../access.ts";
import type { Database } from "../db.ts";
import { checkCredentials } from "./credentials.ts";
import { deviceOf } from "./device.ts";
import type { HashCost } from "./passwords.ts";
import { findActiveUser } from "./users.ts";

const FIELDS = { usernameField: "email", passwordField: "password" };

export type Passport = ReturnType<typeof createPassport>;

/**
 * Passport as Stockbell uses it: email and password, and of a person only the id in the session. It holds no state, so
 * whoever needs it makes one.
 * @param cost what passwords are to be hashed at; see checkCredentials
 */
export function createPassport(db: Kysely<Database>, cost?: HashCost) {
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
    new Strategy({ ...FIELDS, passReqToCallback: true }, (req, email, password, done) => {
      checkCredentials(db, req, { email, password }, cost).then((user) => done(null, user ?? false), done);
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
