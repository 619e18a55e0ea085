import { readFileSync } from "node:fs";
import { join } from "node:path";

const FILE = join(import.meta.dirname, "common-passwords.txt");

let known: Set<string> | undefined;

/** Whether a password is one of those that are guessed first, in whatever case it is written. */
export function isCommon(password: string): boolean {
  known ??= new Set(readFileSync(FILE, "utf8").split("\n"));
  return known.has(password.normalize("NFKC").toLowerCase());
}
