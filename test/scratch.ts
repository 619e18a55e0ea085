import { statfsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

const IN_MEMORY = "/dev/shm";
const ENOUGH = 4 * 2 ** 30;

/**
 * A new folder for data that nobody keeps: in memory where there is enough, since a Postgres is a thousand small files,
 * and every test file has a database of its own.
 * @param name what its name begins with
 */
export function scratchFolder(name: string): Promise<string> {
  return mkdtemp(path.join(hasRoom(IN_MEMORY) ? IN_MEMORY : tmpdir(), `${name}-`));
}

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= ENOUGH;
  } catch {
    return false;
  }
}
