import type { NextFunction, Request, RequestHandler, Response } from "express";
import type {} from "passport";
import type { Role } from "./db.ts";
import { ForbiddenError, SignedOutError } from "./errors.ts";

/** Who is signed in, as every room knows them. */
export type Viewer = { id: number; name: string; company: string; email: string; role: Role };

declare global {
  namespace Express {
    interface User extends Viewer {}
  }
}

/** Who may use a route at all; whose objects they may touch is the action's own rule. */
export type Access = "anyone" | "signed-in" | Role;

/**
 * The first handler of every route: says who may use it. A route without one fails the suite.
 * @throws SignedOutError, ForbiddenError through `next`
 */
export function allow(...who: [Access, ...Access[]]): RequestHandler & { access: Access[] } {
  return Object.assign(guard, { access: who });

  function guard(req: Request, _res: Response, next: NextFunction): void {
    if (who.includes("anyone")) return next();
    if (!req.user) return next(new SignedOutError());
    if (who.includes("signed-in") || who.includes(req.user.role)) return next();
    next(new ForbiddenError());
  }
}

/**
 * The person signed in.
 * @throws SignedOutError when nobody is
 */
export function viewerOf(req: Request): Viewer {
  if (!req.user) throw new SignedOutError();
  return req.user;
}

/**
 * Refuses every request that could change something unless it shows that it comes from our own pages: the browser's
 * Sec-Fetch-Site, or else Origin. Neither header: refused.
 * @param appOrigin our address as browsers see it; where unset, the request's own host stands for it
 */
export function ownRequestsOnly(appOrigin: string | undefined): RequestHandler {
  return (req, _res, next) => {
    if (req.method === "GET" || req.method === "HEAD" || req.method === "OPTIONS") return next();
    const site = req.get("Sec-Fetch-Site");
    const ours = site === undefined ? req.get("Origin") === originOf(req, appOrigin) : site === "same-origin";
    next(ours ? undefined : new ForbiddenError(NOT_OURS));
  };
}

/**
 * Refuses a page of another site that would listen in somebody's name, whatever the method. A program that says neither
 * where it comes from nor that it is a browser is none: it has no cookie but its own.
 * @param appOrigin as for ownRequestsOnly
 */
export function ownListenersOnly(appOrigin: string | undefined): RequestHandler {
  return (req, _res, next) => {
    const { "sec-fetch-site": site, origin } = req.headers;
    const ours = site === undefined || site === "same-origin";
    const same = origin === undefined || origin === originOf(req, appOrigin);
    next(ours && same ? undefined : new ForbiddenError(NOT_OURS));
  };
}

const NOT_OURS = "This request did not come from Stockbell's own pages.";

function originOf(req: Request, appOrigin: string | undefined): string {
  return appOrigin ?? `${req.protocol}://${req.get("Host")}`;
}
