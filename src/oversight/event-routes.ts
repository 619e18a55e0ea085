import type { Router } from "express";
import type { Kysely } from "kysely";
import { z } from "zod";
import { allow } from "../access.ts";
import type { Database, Db } from "../db.ts";
import { NotFoundError } from "../errors.ts";
import { findEvent, type LoggedEvent } from "../events/log.ts";
import { idOf } from "../forms.ts";
import { happenedIn } from "../notifications/kinds.ts";
import { localeOf, sendPage } from "../views.ts";
import { durationIn } from "./durations.ts";
import { explain } from "./explain.ts";
import { findPeople } from "./log.ts";
import { readHops, readRecipients, readUntold, reasonInWords, refusalInWords } from "./recipients.ts";

const PAGE = 50;
const query = z.object({
  person: z
    .string()
    .transform((typed) => typed.replaceAll("\u0000", "").trim().slice(0, 200))
    .catch(""),
  after: z.coerce.number().int().positive().catch(0),
});

/** One event: who was told, why, and what became of it; who was not, and why not. */
export function addEventRoutes(router: Router, db: Kysely<Database>): void {
  router.get("/oversight/events/:id", allow("admin"), async (req, res) => {
    const event = await getEvent(db, idOf(req));
    const { person, after } = query.parse(req.query);
    const [hops, found, not, asked] = await Promise.all([
      readHops(db, event.id),
      readRecipients(db, event.id, { after, limit: PAGE + 1 }),
      readUntold(db, event, PAGE),
      answer(db, event, person),
    ]);
    const recipients = found.slice(0, PAGE);
    sendPage(req, res, "oversight/event-page", {
      ...{ event, hops, recipients, ...not, ...asked, after },
      values: { person },
      next: found.length > PAGE ? recipients.at(-1)?.id : null,
      ...{ happenedIn, reasonInWords, refusalInWords, duration: durationIn(localeOf(req)) },
    });
  });
}

async function getEvent(db: Db, id: number): Promise<LoggedEvent> {
  const event = await findEvent(db, id);
  if (!event) throw new NotFoundError("There is no such event.");
  return event;
}

/** Whom an admin asked about: the answer, or the people to choose from, or that there is nobody. */
async function answer(db: Db, event: LoggedEvent, person: string) {
  const people = (await findPeople(db, person)) ?? [];
  const [one] = people;
  if (people.length === 1 && one) return { answer: await explain(db, event, one), choices: [] };
  const many = people.length > 1 ? { person: "Several people are called that: choose one below." } : {};
  const errors = person !== "" && !one ? { person: "Nobody is called that." } : many;
  return { answer: null, choices: people, errors };
}
