import type { Request, Response, Router } from "express";
import type { Kysely } from "kysely";
import { allow, viewerOf } from "../access.ts";
import type { Database } from "../db.ts";
import { idOf } from "../forms.ts";
import type { Log } from "../log.ts";
import { countFailedJobs, runAgain } from "../queue.ts";
import { sendFragment, sendPage, wantsFragment } from "../views.ts";
import { getJob, type JobRow, readJobs } from "./jobs.ts";

const SHOWN = 50;

/** The jobs that fail: what is tried again, what has been set aside, and running it again. */
export function addJobRoutes(router: Router, db: Kysely<Database>, log: Log): void {
  router.get("/oversight/jobs", allow("admin"), (req, res) =>
    sendJobs(req, res, db, { notice: "again" in req.query ? AGAIN : null }),
  );

  router.post("/oversight/jobs/:id/retry", allow("admin"), async (req, res) => {
    const job = await getJob(db, idOf(req));
    const runs = job.state === "again" || (await runAgain(db, job.id));
    if (!runs) return refuse(req, res, db, job);
    log.info({ job: job.id, task: job.name, event: job.eventId, admin: viewerOf(req).id }, "an admin ran a job again");
    if (!wantsFragment(req)) return res.redirect(303, "/oversight/jobs?again");
    sendFragment(req, res, "oversight/job", { job: { ...job, state: "again" }, swapped: true });
  });
}

const AGAIN = { tone: "success", text: "It runs again. What is done is no longer listed here." };
const RUNNING = { tone: "warning", text: "It runs at this moment. Reload the page to see how that went." };

type Trouble = { notice: { tone: string; text: string } | null; status?: number };

function refuse(req: Request, res: Response, db: Kysely<Database>, job: JobRow): Promise<void> | void {
  if (!wantsFragment(req)) return sendJobs(req, res, db, { notice: RUNNING, status: 409 });
  sendFragment(req, res, "oversight/job", { job: { ...job, state: "running" }, swapped: true }, 409);
}

async function sendJobs(req: Request, res: Response, db: Kysely<Database>, { notice, status }: Trouble): Promise<void> {
  const [failed, count, retrying] = await Promise.all([
    readJobs(db, true, SHOWN),
    countFailedJobs(db),
    readJobs(db, false, SHOWN + 1),
  ]);
  const data = { failed, count, retrying: retrying.slice(0, SHOWN), more: retrying.length > SHOWN, notice };
  sendPage(req, res, "oversight/jobs", data, status);
}
