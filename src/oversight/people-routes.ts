import type { Request, RequestHandler, Response, Router } from "express";
import type { Kysely } from "kysely";
import { z } from "zod";
import { allow, viewerOf } from "../access.ts";
import { findSessions } from "../accounts/own-sessions.ts";
import type { Database } from "../db.ts";
import { ConflictError, InvalidError } from "../errors.ts";
import { idOf } from "../forms.ts";
import type { Log } from "../log.ts";
import { sendFragment, sendPage, wantsFragment } from "../views.ts";
import { findTrail } from "./audit-trail.ts";
import { findBelongings } from "./belongings.ts";
import { isMeasure, type MeasureName, measures } from "./measures.ts";
import { countPeople, findPeople, getPerson, type PersonRow, parsePeopleFilter, peopleAddress } from "./people.ts";

const PEOPLE = 50;
const ENTRIES = 20;

/** People: finding them, what an admin may know of one of them, and what an admin can do to their account. */
export function addPeopleRoutes(router: Router, db: Kysely<Database>, log: Log): void {
  router.get("/oversight/people", allow("admin"), async (req, res) => {
    const filter = parsePeopleFilter(req.query);
    const [found, total] = await Promise.all([findPeople(db, filter, PEOPLE + 1), countPeople(db, filter)]);
    const people = found.slice(0, PEOPLE);
    const last = found.length > PEOPLE ? people.at(-1) : undefined;
    const pager = {
      ...(filter.before === null ? {} : { previous: peopleAddress(filter, null), previousText: "Newest" }),
      ...(last ? { next: peopleAddress(filter, last.id), nextText: "Older" } : {}),
    };
    sendPage(req, res, "oversight/people", { people, total, filter, values: filter, pager });
  });

  router.get("/oversight/people/:id", allow("admin"), async (req, res) => {
    const person = await getPerson(db, idOf(req));
    await sendPerson(req, res, db, person, isMeasure(req.query.done) ? doneTo(person, req.query.done) : {});
  });

  const admins = allow("admin");
  router.post("/oversight/people/:id/suspension", admins, taking(db, log, "suspension"));
  router.post("/oversight/people/:id/reinstatement", admins, taking(db, log, "reinstatement"));
  router.post("/oversight/people/:id/role", admins, taking(db, log, "role"));
  router.post("/oversight/people/:id/sessions/end", admins, taking(db, log, "sessions/end"));
}

/** What came of a measure, or what was wrong with it: shown on the person's page, with what was typed. */
type Told = {
  notice?: { tone: "success" | "warning"; text: string };
  failed?: { name: MeasureName; errors: Record<string, string>; values: unknown };
  status?: number;
};

function taking(db: Kysely<Database>, log: Log, name: MeasureName): RequestHandler<{ id: string }> {
  return async (req, res) => {
    const admin = viewerOf(req);
    const { id } = await getPerson(db, idOf(req));
    try {
      await measures[name].take({ db, req, admin }, id, req.body);
      log.info({ person: id, admin: admin.id, measure: name, request: req.id }, "an admin took a measure");
    } catch (error) {
      return sendPerson(req, res, db, await getPerson(db, id), toldOf(error, name, req.body));
    }
    if (!wantsFragment(req)) return res.redirect(303, `/oversight/people/${id}?${new URLSearchParams({ done: name })}`);
    const person = await getPerson(db, id);
    await sendPerson(req, res, db, person, doneTo(person, name));
  };
}

function doneTo(person: PersonRow, name: MeasureName): Told {
  const text = measures[name].said(person);
  return text === null ? {} : { notice: { tone: "success", text } };
}

function toldOf(error: unknown, name: MeasureName, values: unknown): Told {
  if (error instanceof ConflictError) return { status: 409, notice: { tone: "warning", text: error.message } };
  if (error instanceof InvalidError) return { status: 422, failed: { name, errors: error.fields, values } };
  throw error;
}

const query = z.object({ before: z.coerce.number().int().min(1).max(1e15).nullable().catch(null) });

async function sendPerson(req: Request, res: Response, db: Kysely<Database>, person: PersonRow, told: Told) {
  const { before } = query.parse(req.method === "GET" ? req.query : {});
  const [sessions, belongings, found] = await Promise.all([
    findSessions(db, person.id, req.sessionID),
    findBelongings(db, person),
    findTrail(db, person.id, before, ENTRIES + 1),
  ]);
  const trail = found.slice(0, ENTRIES);
  const next = found.length > ENTRIES ? trail.at(-1)?.id : null;
  const { status, ...shown } = told;
  const data = { person, sessions, ...belongings, trail, before, next, errors: told.failed?.errors, ...shown };
  if (wantsFragment(req)) return sendFragment(req, res, "oversight/person-part", data, status);
  sendPage(req, res, "oversight/person", data, status);
}
