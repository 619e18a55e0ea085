import type { Request, RequestHandler, Response } from "express";
import { InvalidError, TooManyError } from "../errors.ts";
import { sendFragment, sendPage, wantsFragment } from "../views.ts";

/** Shows one of this room's forms in its page; to htmx, which has sent it, the form alone. */
export function showForm(req: Request, res: Response, name: string, data: object, status = 200): void {
  if (wantsFragment(req) && req.method === "POST") sendFragment(req, res, `accounts/${name}-form`, data, status);
  else sendPage(req, res, `accounts/${name}`, data, status);
}

/** Leads on after a form has done its work. */
export function goTo(req: Request, res: Response, path: string): void {
  if (wantsFragment(req)) res.set("HX-Redirect", path).status(204).end();
  else res.redirect(303, path);
}

/**
 * The handler of a form's POST. When `act` throws InvalidError or TooManyError, `show` is to show the form again with
 * what was typed and what is wrong with it.
 * @param field the one beside which it is said that there were too many tries
 */
export function formPost(
  act: (req: Request, res: Response) => Promise<void>,
  show: (req: Request, res: Response, data: object, status: number) => void | Promise<void>,
  field: string,
): RequestHandler {
  return async (req, res) => {
    try {
      await act(req, res);
    } catch (error) {
      if (error instanceof TooManyError && !wantsFragment(req)) {
        const about = { request: req.id, method: req.method, status: error.status, user: req.user?.id };
        req.log.warn(about, "a request was refused");
        res.set("Retry-After", String(error.seconds));
        return show(req, res, { values: typedIn(req.body), errors: { [field]: error.message } }, error.status);
      }
      if (!(error instanceof InvalidError)) throw error;
      await show(req, res, { values: typedIn(req.body), errors: error.fields }, 422);
    }
  };
}

/** What was typed, to be shown again: never a password. */
function typedIn(body: Record<string, unknown> = {}): Record<string, string> {
  const texts = Object.entries(body).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(texts.filter(([name]) => name !== "password" && name !== "current"));
}
