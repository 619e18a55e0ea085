import { type Request, type Response, Router } from "express";
import type { Kysely } from "kysely";
import { allow, type Viewer, viewerOf } from "../access.ts";
import type { Database } from "../db.ts";
import { InvalidError } from "../errors.ts";
import { parseForm } from "../forms.ts";
import { count, requireOpen, type Tries, takeBack } from "../throttle.ts";
import { sendFragment, sendPage, wantsFragment } from "../views.ts";
import { formPost, goTo } from "./answers.ts";
import { by, findOwnSecurityEvents, recordSecurityEvent } from "./audit.ts";
import { passwordForm } from "./forms.ts";
import { endNamedSession, endOtherSessions, findSessions, startSession } from "./own-sessions.ts";
import { hashPassword, verifyPassword } from "./passwords.ts";
import type { AccountParts } from "./routes.ts";
import { dropSession } from "./sessions.ts";
import { getPasswordHash } from "./users.ts";

const done: Record<string, string> = {
  password: "Your password is changed. Every other session has ended.",
  session: "That session has ended.",
};

/** One's own account: who one is here, one's password, and the sessions in which one is signed in. */
export function ownAccountRoutes({ config, db, log }: AccountParts): Router {
  const router = Router();

  router.get("/account", allow("signed-in"), (req, res) =>
    showAccount(req, res, { done: done[String(req.query.done)] }, 200),
  );
  router.post("/account/password", allow("signed-in"), formPost(changePassword, showAccount, "current"));

  router.post("/account/sessions/:id/end", allow("signed-in"), async (req, res) => {
    const viewer = viewerOf(req);
    const sid = await db.transaction().execute(async (trx) => {
      const ended = await endNamedSession(trx, viewer.id, String(req.params.id));
      await recordSecurityEvent(trx, req, { action: "session_ended", ...by(viewer) });
      return ended;
    });
    log.info({ user: viewer.id }, "a session was ended");
    if (sid !== req.sessionID) return goTo(req, res, "/account?done=session");
    await dropSession(config, req, res);
    goTo(req, res, "/");
  });

  return router;

  async function changePassword(req: Request, res: Response): Promise<void> {
    const viewer = viewerOf(req);
    const { current, password } = parseForm(passwordForm, req.body);
    const tries: Tries[] = [{ rule: "password-change", of: viewer.id }];
    await requireOpen(db, tries);
    const counted = async () => void (await count(db, tries));
    if (!(await verifyPassword(await getPasswordHash(db, viewer.id), current, counted))) {
      await recordSecurityEvent(db, req, { action: "password_change_refused", ...by(viewer) });
      log.info({ user: viewer.id }, "a password change was refused");
      throw new InvalidError({ current: "That is not your current password." });
    }
    await takeBack(db, tries);
    await replacePassword(db, req, viewer, await hashPassword(password));
    await startSession(db, req, viewer);
    log.info({ user: viewer.id }, "the password was changed");
    goTo(req, res, "/account?done=password");
  }

  async function showAccount(req: Request, res: Response, data: object, status: number): Promise<void> {
    if (status === 422 && wantsFragment(req)) return sendFragment(req, res, "accounts/password-form", data, status);
    const sessions = await findSessions(db, viewerOf(req).id, req.sessionID);
    const happened = await findOwnSecurityEvents(db, viewerOf(req).id, 10);
    sendPage(req, res, "accounts/account", { ...data, sessions, happened }, status);
  }
}

/** Whoever knew the old password, in whatever other session, is out at once. */
async function replacePassword(
  db: Kysely<Database>,
  req: Request,
  viewer: Viewer,
  passwordHash: string,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx.updateTable("users").set({ password_hash: passwordHash }).where("id", "=", viewer.id).execute();
    await endOtherSessions(trx, viewer.id, req.sessionID, "password");
    await recordSecurityEvent(trx, req, { action: "password_changed", ...by(viewer) });
  });
}
