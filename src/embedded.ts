import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import pg from "pg";
import { findBinaries, initdb, launch, type Server, unusable } from "./postmaster.ts";

/** A running server: `url` is the postgres://… of its database `stockbell`, with the password. */
export type EmbeddedPostgres = Omit<Server, "port"> & { url: string };

type Options = { dir: string; log?: (line: string) => void; settings?: Record<string, string> };

const NAME = "stockbell";
const PASSWORD_FILE = "stockbell-password";

/**
 * Starts the PostgreSQL that comes with the development dependencies, on a free port of the loopback interface only,
 * with its data in `dir`; a missing or empty folder is set up first. To be called from the main thread: on Linux the
 * server is stopped when the thread that started it ends, even by SIGKILL.
 * @param options.dir where the data and the password are; deleting it is all that it takes to begin afresh
 * @param options.log gets each line that the server writes
 * @param options.settings server settings by name, such as `{ fsync: "off" }`
 * @throws Error with one line for people: the folder is in use, damaged or not ours, or PostgreSQL cannot run here
 */
export async function startPostgres(options: Options): Promise<EmbeddedPostgres> {
  const dir = path.resolve(options.dir);
  const binaries = findBinaries();
  if (await isEmpty(dir)) await setUp(dir, binaries.initdb, options.settings?.fsync === "off");
  const password = await readPassword(dir);
  const { port, ...server } = await launch(binaries.postgres, { ...options, dir });
  const address = (database: string) => `postgres://${NAME}:${password}@127.0.0.1:${port}/${database}`;
  try {
    await createDatabase(address("postgres"));
  } catch (error) {
    await server.stop();
    throw unusable(dir, error);
  }
  return { ...server, url: address(NAME) };
}

async function isEmpty(dir: string): Promise<boolean> {
  if (!existsSync(dir)) return true;
  try {
    return (await readdir(dir)).length === 0;
  } catch (error) {
    throw unusable(dir, error);
  }
}

// Set up beside its place and moved there when whole, so that an interrupted first start leaves nothing half done.
async function setUp(dir: string, command: string, hasty: boolean): Promise<void> {
  const workshop = await makeWorkshop(dir);
  const [data, password] = [path.join(workshop, "data"), path.join(workshop, "password")] as const;
  try {
    await writeFile(password, randomBytes(24).toString("hex"), { mode: 0o600 });
    await initdb(command, [
      ...["-D", data, "-U", NAME, "-A", "scram-sha-256", `--pwfile=${password}`, "-E", "UTF8"],
      ...["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", ...(hasty ? ["--no-sync"] : [])],
    ]);
    await rename(password, path.join(data, PASSWORD_FILE));
    await rename(data, dir);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

async function makeWorkshop(dir: string): Promise<string> {
  try {
    await mkdir(path.dirname(dir), { recursive: true });
    return await mkdtemp(`${dir}.new-`);
  } catch (error) {
    throw unusable(dir, error);
  }
}

async function readPassword(dir: string): Promise<string> {
  try {
    await readFile(path.join(dir, "PG_VERSION"));
    return (await readFile(path.join(dir, PASSWORD_FILE), "utf8")).trim();
  } catch (error) {
    throw unusable(dir, error);
  }
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    const found = await client.query("select from pg_database where datname = $1", [NAME]);
    if (found.rowCount === 0) await client.query(`create database ${NAME}`);
  } finally {
    await client.end();
  }
}
