import type { Request, Response, Router } from "express";
import type { Kysely } from "kysely";
import { allow } from "../access.ts";
import type { Database, Db } from "../db.ts";
import { InvalidError } from "../errors.ts";
import { peopleIn } from "../events/people.ts";
import { happenedIn, kinds } from "../notifications/kinds.ts";
import { localeOf, sendPage } from "../views.ts";
import { healthView } from "./health-view.ts";
import { type Found, findPeople, findTitled, readLog } from "./log.ts";
import { type LogFilter, logAddress, parseLogFilter, zoneOf } from "./log-filter.ts";

const PAGE = 50;
const NOTHING = { kind: "", person: "", listing: "", from: "", to: "", before: null } as const;

/** The event log, newest first, as it happens: narrowed to a kind, a person, a listing or a time. */
export function addLogRoutes(router: Router, db: Kysely<Database>): void {
  router.get("/oversight", allow("admin"), async (req, res) => {
    const filter = filterOf(req, res);
    const [people, listings] = await Promise.all([findPeople(db, filter.person), findTitled(db, filter.listing)]);
    const errors: Record<string, string> = { ...res.locals.errors, ...unclear(people, listings) };
    const wrong = Object.keys(errors).length > 0;
    const found = wrong ? [] : await read(db, filter, people, listings);
    const events = found.slice(0, PAGE);
    const data = {
      filter,
      people,
      listings,
      errors,
      values: req.query,
      events,
      next: found.length > PAGE ? (events.at(-1)?.id ?? null) : null,
      fares: (await healthView(db))(localeOf(req)),
      kinds: Object.entries(kinds).map(([value, { happened }]) => ({ value, text: happened })),
      to: (change: Partial<LogFilter>) => logAddress({ ...filter, before: null, ...change }),
      happenedIn,
      peopleIn,
    };
    sendPage(req, res, "oversight/log", data, wrong ? 422 : 200);
  });
}

/** What is wrong in the address is said beside its field, and the rest of the page is there all the same. */
function filterOf(req: Request, res: Response): LogFilter {
  try {
    return parseLogFilter(req.query);
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    res.locals.errors = error.fields;
    return { ...NOTHING, zone: zoneOf(req.query) };
  }
}

function unclear(people: Found, listings: Found): Record<string, string> {
  const errors: Record<string, string> = {};
  if (people?.length === 0) errors.person = "Nobody is called that.";
  if (listings?.length === 0) errors.listing = "No listing is called that.";
  if (people && people.length > 1) errors.person = "Several people are called that: choose one below.";
  if (listings && listings.length > 1) errors.listing = "Several listings are called that: choose one below.";
  return errors;
}

function read(db: Db, filter: LogFilter, people: Found, listings: Found) {
  return readLog(db, { ...filter, person: people?.[0]?.id ?? null, listing: listings?.[0]?.id ?? null }, PAGE + 1);
}
