import { rmSync } from "node:fs";
import path from "node:path";
import { startPostgres } from "../../src/embedded.ts";
import { migrate } from "../../src/migrate.ts";
import { findBinaries, launch } from "../../src/postmaster.ts";
import { scratchFolder } from "../scratch.ts";

export type OwnPostgres = Awaited<ReturnType<typeof startOwnPostgres>>;

const SETTINGS = { fsync: "off", max_connections: "200", shared_buffers: "64MB" };

/** A Postgres of a scenario's own, migrated, that can be stopped and comes back with its data at the same address. */
export async function startOwnPostgres() {
  const folder = await scratchFolder("stockbell-fault");
  const dir = path.join(folder, "postgres");
  const first = await startPostgres({ dir, settings: SETTINGS });
  const { url } = first;
  let stop = first.stop;
  await migrate({ databaseUrl: url, databaseCa: undefined, unverifiedTls: [] });
  return {
    url,
    stop: () => stop(),
    async start() {
      const settings = { ...SETTINGS, port: new URL(url).port };
      stop = (await launch(findBinaries().postgres, { dir, settings })).stop;
    },
    async remove() {
      await stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
  };
}
