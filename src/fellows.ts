import type pg from "pg";
import type { Log } from "./log.ts";

// graphile-worker keeps the jobs of a killed worker locked for four hours. Here every worker holds an advisory lock for
// as long as it lives, and its fellows give back the jobs of any worker whose lock is free.
const CLASS = 712_002;
const EVERY_MS = 1000;

export type Fellows = ReturnType<typeof watchFellows>;

/**
 * Keeps this process's workers known as living, and gives back the jobs of dead ones within about three seconds.
 * Running a job twice is harmless, so losing the lock for a moment is, too.
 */
export function watchFellows(pool: pg.Pool, log: Log) {
  const living = new Set<string>();
  let client: pg.PoolClient | null = null;
  let busy: Promise<void> | null = null;
  const timer = setInterval(() => void look(), EVERY_MS);
  void look();

  return {
    /** From now until leave(), jobs locked by this worker id are those of a living worker. */
    async join(workerId: string): Promise<void> {
      living.add(workerId);
      await busy;
      if (client) await lock(client, workerId).catch(() => lose());
    },
    /** This worker has ended: what it could not give back itself is given back by whoever looks next. */
    async leave(workerId: string): Promise<void> {
      living.delete(workerId);
      await busy;
      await client?.query("select pg_advisory_unlock_shared($1, hashtext($2))", [CLASS, workerId]).catch(() => lose());
    },
    /** Gives back what this process's workers still hold, for their fellows to take up at once. */
    async stop(): Promise<void> {
      clearInterval(timer);
      await busy;
      lose();
      if (living.size > 0) await pool.query("select graphile_worker.force_unlock_workers($1)", [[...living]]);
    },
  };

  function look(): Promise<void> {
    busy ??= tick().finally(() => {
      busy = null;
    });
    return busy;
  }

  async function tick(): Promise<void> {
    try {
      client ??= await holdAll();
      const freed = await pool.query(RELEASE_THE_DEAD, [CLASS]);
      const workers = freed.rows[0]?.workers;
      if (workers) log.warn({ workers }, "gave back the jobs of dead workers");
    } catch (error) {
      log.debug({ err: error }, "could not look after fellow workers");
    }
  }

  async function holdAll(): Promise<pg.PoolClient> {
    const fresh = await pool.connect();
    try {
      for (const workerId of living) await lock(fresh, workerId);
    } catch (error) {
      fresh.release(true);
      throw error;
    }
    fresh.on("error", lose);
    fresh.on("end", lose);
    return fresh;
  }

  function lose(): void {
    client?.removeListener("end", lose);
    client?.release(true);
    client = null;
  }
}

async function lock(client: pg.PoolClient, workerId: string): Promise<void> {
  await client.query("select pg_advisory_lock_shared($1, hashtext($2))", [CLASS, workerId]);
}

// A second's grace covers a worker that has taken its first job and not joined yet.
const RELEASE_THE_DEAD = `
  with dead as materialized (
    select locked_by
    from (
      select distinct locked_by from graphile_worker.jobs
      where locked_by is not null and locked_at < now() - interval '1 second'
    ) holders
    where pg_try_advisory_xact_lock($1, hashtext(locked_by))
  ), freed as (
    select graphile_worker.force_unlock_workers(array_agg(locked_by)) from dead having count(*) > 0
  )
  select array_agg(locked_by) as workers from dead, freed`;
