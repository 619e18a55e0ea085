import { EventEmitter } from "node:events";
import { type Runner, type RunnerOptions, run, type WorkerEvents } from "graphile-worker";
import { type Bus, createBus } from "./bus.ts";
import type { Config } from "./config.ts";
import { createDb, createPool } from "./db.ts";
import { type Fellows, watchFellows } from "./fellows.ts";
import { createLog, type Log } from "./log.ts";
import { quietLogger } from "./migrate.ts";
import { watchForStragglers } from "./notifications/stragglers.ts";
import { stopOnSignal } from "./process.ts";
import { startPulse } from "./pulse.ts";
import { createTasks, taskList } from "./tasks.ts";
import { timetable } from "./timetable.ts";

type Parts = { config: Config; bus: Bus; log: Log };

// Of the ten seconds after SIGTERM within which unfinished work must be back in the queue.
const FINISH_MS = 5000;

/**
 * Starts taking jobs from the queue, and starts again should the queue's runner end by itself.
 * @returns stop(): lets running jobs finish for some seconds and gives back the rest, which fellows take up at once
 * @throws when the database cannot be reached at the start
 */
export async function startWorker({ config, bus, log }: Parts): Promise<{ stop(): Promise<void> }> {
  const pool = createPool(config, config.workerConcurrency + 4);
  const db = createDb(pool);
  const tasks = createTasks({ config, db, bus, log });
  const fellows = watchFellows(pool, log);
  const stragglers = watchForStragglers({ db, log }, (eventId) => tasks.deliver_event({ eventId }, 1));
  const pulse = startPulse({ db, log, bus, release: config.release }, "worker");
  let stopping = false;
  let runner = await start();

  return {
    async stop() {
      stopping = true;
      await atMost(FINISH_MS, Promise.all([runner.stop(), stragglers.stop()]));
      await atMost(1000, Promise.all([fellows.stop(), pulse.stop()]));
      await atMost(500, db.destroy());
    },
  };

  async function start(): Promise<Runner> {
    const options: RunnerOptions = {
      pgPool: pool,
      taskList: taskList(tasks),
      concurrency: config.workerConcurrency,
      pollInterval: 1000,
      noHandleSignals: true,
      logger: quietLogger,
      events: listen(fellows, log),
      parsedCronItems: timetable,
      // As batches, completions that fail end the runner, which starts again. One by one they would end the process.
      preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    };
    const started = await run(options);
    log.info({ concurrency: config.workerConcurrency }, "the worker takes jobs");
    started.promise.catch((error) => log.error({ err: error }, "the worker stopped")).finally(() => void again());
    return started;
  }

  async function again(): Promise<void> {
    while (!stopping) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const next = stopping ? null : await start().catch(() => null);
      if (!next) continue;
      runner = next;
      return;
    }
  }
}

/** Waits for something, but not for ever; whether it went well does not matter any more. */
async function atMost(ms: number, something: Promise<unknown>): Promise<void> {
  const late = new Promise((resolve) => setTimeout(resolve, ms).unref());
  await Promise.race([something.catch(() => {}), late]);
}

function listen(fellows: Fellows, log: Log): WorkerEvents {
  const events: WorkerEvents = new EventEmitter();
  events.on("pool:create", ({ workerPool }) => void fellows.join(workerPool.id));
  events.on("pool:release", ({ workerPool }) => void fellows.leave(workerPool.id));
  events.on("job:error", ({ job, error }) => {
    const { id, task_identifier: task, attempts } = job;
    log.warn({ job: id, task, attempts, err: error }, "a job failed and will be tried again");
  });
  events.on("job:failed", ({ job, error }) => {
    log.error({ job: job.id, task: job.task_identifier, err: error }, "a job failed for good and was set aside");
  });
  return events;
}

/** Runs a worker process until it is told to stop. @throws when the database cannot be reached at the start */
export async function runWorker(config: Config): Promise<void> {
  const log = createLog("worker", config.logLevel);
  const bus = createBus(config, log);
  const started = startWorker({ config, bus, log });
  stopOnSignal(async () => {
    await (await started).stop();
    await bus.close();
  });
  await started;
}
