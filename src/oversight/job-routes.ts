import type { Request, Response, Router } from "express";
import type { Kysely } from "kysely";
import { allow, viewerOf } from "../access.ts";
import { recordSecurityEvent } from "../accounts/audit.ts";
import type { Database } from "../db.ts";
import { idOf } from "../forms.ts";
import type { Log } from "../log.ts";
import { countFailedJobs, giveUp, runAgain } from "../queue.ts";
import { sendFragment, sendPage, wantsFragment } from "../views.ts";
import { getJob, type JobRow, readJobs } from "./jobs.ts";
import { placeOf, readUnanswered } from "./unanswered.ts";

const SHOWN = 50;

/** What is stuck: jobs that fail, to be run again or given up, and enquiries that nobody answers. */
export function addJobRoutes(router: Router, db: Kysely<Database>, log: Log): void {
  router.get("/oversight/jobs", allow("admin"), (req, res) =>
    sendJobs(req, res, db, { notice: "again" in req.query ? AGAIN : "given-up" in req.query ? GIVEN_UP : null }),
  );

  router.post("/oversight/jobs/:id/retry", allow("admin"), async (req, res) => {
    const job = await getJob(db, idOf(req));
    const runs = job.state === "again" || (await runAgain(db, job.id));
    if (!runs) return refuse(req, res, db, { ...job, state: "running" });
    log.info({ job: job.id, task: job.name, event: job.eventId, admin: viewerOf(req).id }, "an admin ran a job again");
    if (!wantsFragment(req)) return res.redirect(303, "/oversight/jobs?again");
    sendFragment(req, res, "oversight/job", { job: { ...job, state: "again" }, swapped: true });
  });

  router.post("/oversight/jobs/:id/give-up", allow("admin"), async (req, res) => {
    const job = await getJob(db, idOf(req));
    if (!(await giveUpNoted(req, db, job))) return refuse(req, res, db, await getJob(db, job.id), NOT_SET_ASIDE);
    if (!wantsFragment(req)) return res.redirect(303, "/oversight/jobs?given-up");
    sendFragment(req, res, "oversight/job", { job: { ...job, state: "given-up" }, swapped: true });
  });
}

/** Gives a job up, with its entry in the audit log. */
function giveUpNoted(req: Request, db: Kysely<Database>, { id, name, eventId }: JobRow): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    if (!(await giveUp(trx, id))) return false;
    const details = { job: id, task: name, ...(eventId !== null && { event: eventId }) };
    await recordSecurityEvent(trx, req, {
      action: "job_given_up",
      actorId: viewerOf(req).id,
      subjectId: null,
      details,
    });
    return true;
  });
}

const AGAIN = { tone: "success", text: "It runs again. What is done is no longer listed here." };
const GIVEN_UP = {
  tone: "success",
  text: "It is given up: it will not be run again, and what it was for is not done.",
};
const NOT_SET_ASIDE = { tone: "warning", text: "Only what has been set aside can be given up. This is how it stands." };
const RUNNING = { tone: "warning", text: "It runs at this moment. Reload the page to see how that went." };

type Trouble = { notice: { tone: string; text: string } | null; status?: number };

function refuse(
  req: Request,
  res: Response,
  db: Kysely<Database>,
  job: JobRow,
  notice = RUNNING,
): Promise<void> | void {
  if (!wantsFragment(req)) return sendJobs(req, res, db, { notice, status: 409 });
  sendFragment(req, res, "oversight/job", { job, swapped: true }, 409);
}

async function sendJobs(req: Request, res: Response, db: Kysely<Database>, { notice, status }: Trouble): Promise<void> {
  const behind = placeOf(req.query.waiting);
  const [failed, count, retrying, waiting] = await Promise.all([
    readJobs(db, true, SHOWN),
    countFailedJobs(db),
    readJobs(db, false, SHOWN + 1),
    readUnanswered(db, behind, SHOWN + 1),
  ]);
  const unanswered = waiting.slice(0, SHOWN);
  const next = waiting.length > SHOWN ? unanswered.at(-1)?.at : null;
  const jobs = { failed, count, retrying: retrying.slice(0, SHOWN), more: retrying.length > SHOWN };
  const data = { ...jobs, unanswered, behind, next, notice };
  sendPage(req, res, "oversight/jobs", data, status);
}
