import { type Request, type Response, Router } from "express";
import { allow, type Viewer } from "../access.ts";
import { addressOf } from "../address.ts";
import { InvalidError } from "../errors.ts";
import { parseForm } from "../forms.ts";
import { ownPath } from "../own-path.ts";
import { count } from "../throttle.ts";
import { formPost, goTo, showForm } from "./answers.ts";
import { by, recordSecurityEvent } from "./audit.ts";
import { signInForm, signUpForm } from "./forms.ts";
import { endSession, startSession } from "./own-sessions.ts";
import { authenticate, createPassport } from "./passport.ts";
import { hashPassword } from "./passwords.ts";
import type { AccountParts } from "./routes.ts";
import { dropSession } from "./sessions.ts";
import { createUser, isDemo } from "./users.ts";

/** Creating an account, signing in and signing out. */
export function entranceRoutes({ config, db, log, hashCost }: AccountParts): Router {
  const router = Router();
  const passport = createPassport(db, hashCost);

  router.get("/sign-up", allow("anyone"), (req, res) => {
    if (req.user) goTo(req, res, "/");
    else showSignUp(req, res, {}, 200);
  });
  router.post("/sign-up", allow("anyone"), formPost(signUp, showSignUp, "email"));

  router.get("/sign-in", allow("anyone"), (req, res) => {
    if (req.user) goTo(req, res, "/");
    else showSignIn(req, res, { values: { next: ownPath(req.query.next) } }, 200);
  });
  router.post("/sign-in", allow("anyone"), formPost(signIn, showSignIn, "email"));

  router.post("/sign-out", allow("anyone"), async (req, res) => {
    if (req.user) await endOwnSession(req, req.user);
    await dropSession(config, req, res);
    goTo(req, res, "/");
  });

  return router;

  async function signUp(req: Request, res: Response): Promise<void> {
    const { password, ...person } = parseForm(signUpForm, req.body);
    if (config.production && isDemo(person.email)) {
      throw new InvalidError({ email: "Addresses at demo.test are for demonstrations. Use one of your own." });
    }
    await count(db, [{ rule: "sign-up", of: addressOf(req) }]);
    const passwordHash = await hashPassword(password);
    const viewer = await db.transaction().execute(async (trx) => {
      const created = await createUser(trx, { ...person, passwordHash });
      await recordSecurityEvent(trx, req, { action: "account_created", ...by(created) });
      return created;
    });
    await startSession(db, req, viewer);
    log.info({ user: viewer.id, role: viewer.role }, "an account was created");
    goTo(req, res, "/");
  }

  async function signIn(req: Request, res: Response): Promise<void> {
    const form = parseForm(signInForm, req.body);
    // Passport's strategy reads the body itself.
    req.body = form;
    const viewer = await authenticate(passport, req, res);
    if (!viewer) {
      log.info("a sign-in was refused");
      throw new InvalidError({ email: "The email address or the password is not right." });
    }
    await recordSecurityEvent(db, req, { action: "signed_in", ...by(viewer) });
    await startSession(db, req, viewer);
    log.info({ user: viewer.id }, "signed in");
    goTo(req, res, form.next);
  }

  async function endOwnSession(req: Request, viewer: Viewer): Promise<void> {
    await db.transaction().execute(async (trx) => {
      await endSession(trx, viewer.id, req.sessionID);
      await recordSecurityEvent(trx, req, { action: "signed_out", ...by(viewer) });
    });
    log.info({ user: viewer.id }, "signed out");
  }
}

function showSignUp(req: Request, res: Response, data: object, status: number): void {
  showForm(req, res, "sign-up", data, status);
}

function showSignIn(req: Request, res: Response, data: object, status: number): void {
  showForm(req, res, "sign-in", data, status);
}
