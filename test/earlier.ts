import { execFile, execFileSync } from "node:child_process";
import { mkdir, symlink } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { migrationNames } from "../src/migrations.ts";

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, "..");
const PARTS = ["src", "views", "public", "migrations", "package.json"];

/** The code as it was before the newest migrations came, or why that cannot be known here. */
export type Earlier = { commit: string; migrations: string[] } | { unknown: string };

/**
 * Finds by git the last commit that knew nothing of the newest migrations: those that share the latest date in their
 * names are one release's. Whoever first added one of them has that commit for a parent.
 */
export function findEarlier(): Earlier {
  const date = migrationNames().at(-1)?.slice(0, 10) ?? "";
  const isOurs = git("rev-parse", "--show-prefix") === "";
  if (!isOurs) return { unknown: "there is no git history" };
  const added = git(
    "log",
    "--topo-order",
    "--no-renames",
    "--diff-filter=A",
    "--format=%H",
    "--",
    `migrations/${date}*`,
  );
  const first = added?.split("\n").at(-1);
  // What is not committed yet follows what was committed last.
  const commit = git("rev-parse", "--verify", "--quiet", first ? `${first}^` : "HEAD");
  const listed = commit && git("ls-tree", "--name-only", commit, "migrations/");
  if (!commit || !listed) return { unknown: "the git history does not reach back to it" };
  const migrations = listed.split("\n").map((file) => path.basename(file, ".ts"));
  if (migrations.some((name) => name.startsWith(date))) return { unknown: "the newest migrations came in parts" };
  return { commit, migrations };
}

/** Puts a commit's code into a folder, with the packages that are installed here. */
export async function checkOut(commit: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const archive = path.join(folder, "archive.tar");
  await run("git", ["-C", ROOT, "archive", "--output", archive, commit, ...PARTS]);
  await run("tar", ["-xf", archive, "-C", folder]);
  await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
}

function git(...args: string[]): string | null {
  try {
    return execFileSync("git", ["-C", ROOT, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return null;
  }
}
