import type { ErrorRequestHandler, Request, RequestHandler, Response } from "express";
import {
  BusyError,
  ConflictError,
  DomainError,
  ForbiddenError,
  NotFoundError,
  SignedOutError,
  TooManyError,
} from "./errors.ts";
import type { Log } from "./log.ts";
import { ownPath } from "./own-path.ts";
import { isPassing } from "./passing.ts";
import { sendFragment, sendPage, wantsFragment } from "./views.ts";

/** What went wrong, as its reader is to know it. */
type Problem = { status: number; view: string; message?: string; link?: { href: string; text: string } };

// Where an error says no more than its kind, the page has better words.
const USUAL = [new NotFoundError().message, new ForbiddenError().message];
const SIGN_IN = { href: "/sign-in", text: "Sign in" };

const ANSWER_MS = 3500;
class TooLateError extends Error {}

/** Whatever no route took. */
export const handleMissing: RequestHandler = (_req, _res, next) => next(new NotFoundError());

/**
 * The one place where errors become answers: a page for a plain browser, for htmx a fragment in #alerts. What is not
 * one of our own errors is said to be ours to mend, and told to the log only.
 */
export function handleErrors(log: Log): ErrorRequestHandler {
  return (error: unknown, req, res, _next) => {
    if (res.writableEnded) return log.debug({ err: error, request: idOf(req) }, "a request failed after its answer");
    const problem = problemOf(error, req);
    note(log, error, problem, req);
    if (res.headersSent) return res.destroy();
    try {
      answer(req, res, error, problem);
    } catch (failure) {
      log.error({ err: failure, request: idOf(req) }, "an error could not be shown");
      if (res.headersSent) res.destroy();
      else res.status(problem.status).type("text").send("Something went wrong. Please try again in a moment.");
    }
  };
}

/**
 * Answers 503 when whatever comes after it has not begun to answer in time, so that nobody waits for a database that is
 * slow or hangs. What is under way then is not stopped; it ends by the database's own time-outs.
 */
export function answerInTime(log: Log): RequestHandler {
  const answerLate = handleErrors(log);
  return (req, res, next) => {
    const timer = setTimeout(() => {
      if (!res.headersSent) void answerLate(new TooLateError("no answer in time"), req, res, next);
    }, ANSWER_MS);
    res.once("close", () => clearTimeout(timer));
    next();
  };
}

function answer(req: Request, res: Response, error: unknown, problem: Problem): void {
  if (error instanceof TooManyError) res.set("Retry-After", String(error.seconds));
  if (problem.status === 503) {
    res.set("Retry-After", "5");
    // Prolonging the session would wait for the very database that is away.
    Reflect.deleteProperty(req, "session");
  }
  if (isStream(req) && !wantsFragment(req)) return void res.status(problem.status).end();
  if (error instanceof SignedOutError && !wantsFragment(req)) return askToSignIn(req, res);
  const { status, view, ...said } = problem;
  const requestId = status === 500 ? idOf(req) : undefined;
  if (!wantsFragment(req)) return sendPage(req, res, `errors/${view}`, { ...said, requestId }, status);
  res.set({ "HX-Retarget": "#alerts", "HX-Reswap": "innerHTML" });
  sendFragment(req, res, "errors/alert", { view, ...said, requestId }, status);
}

// Nobody reads a page there, and a redirect would be followed for ever.
function isStream(req: Request): boolean {
  return req.path === "/stream" || req.path.startsWith("/stream/");
}

/** After signing in one comes back to the page; a form that was sent meanwhile leads back to where it was. */
function askToSignIn(req: Request, res: Response): void {
  const referrer = URL.parse(req.get("Referer") ?? "");
  const back = referrer?.host === req.get("Host") ? `${referrer?.pathname}${referrer?.search}` : "/";
  const next = ownPath(req.method === "GET" ? req.originalUrl : back);
  res.set("Cache-Control", "no-store");
  res.redirect(303, next === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(next)}`);
}

function problemOf(error: unknown, req: Request): Problem {
  if (error instanceof ConflictError)
    return { status: 409, view: "conflict", message: error.message, ...present(error) };
  if (error instanceof SignedOutError) return { status: 401, view: "refused", message: error.message, link: SIGN_IN };
  if (error instanceof DomainError) return { status: error.status, view: viewOf(error.status), ...wordsOf(error) };
  if (error instanceof TooLateError || isPassing(error)) return { status: 503, view: "unavailable", link: again(req) };
  const status = refusedStatus(error);
  return status ? { status, view: viewOf(status) } : { status: 500, view: "error" };
}

function wordsOf({ message }: DomainError): Pick<Problem, "message"> {
  return USUAL.includes(message) ? {} : { message };
}

function present({ listingId }: ConflictError): Pick<Problem, "link"> {
  return listingId === null ? {} : { link: { href: `/listings/${listingId}`, text: "See how it stands now" } };
}

function again(req: Request): { href: string; text: string } {
  return req.method === "GET"
    ? { href: ownPath(req.originalUrl), text: "Try again" }
    : { href: "/", text: "Go to your home page" };
}

function viewOf(status: number): string {
  if (status === 404) return "not-found";
  if (status === 503) return "unavailable";
  return status === 403 ? "forbidden" : "refused";
}

/** Express and its parsers say with a status what was wrong with a request. */
function refusedStatus(error: unknown): number | null {
  if (error instanceof URIError) return 400;
  const status = error instanceof Error && "status" in error ? Number(error.status) : 0;
  return status >= 400 && status < 500 ? status : null;
}

function note(log: Log, error: unknown, { status }: Problem, req: Request): void {
  const about = { request: idOf(req), method: req.method, status, user: req.user?.id };
  if (error instanceof BusyError) log.warn(about, "a request was refused");
  else if (status >= 500) log.error({ ...about, err: error }, "a request failed");
  else if (status === 403 || status === 429) log.warn(about, "a request was refused");
  else log.debug(about, "a request was turned down");
}

function idOf(req: Request): string | undefined {
  return req.id === undefined ? undefined : String(req.id);
}
