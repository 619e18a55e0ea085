import { readFileSync } from "node:fs";
import { join } from "node:path";

const PROCFILE = readFileSync(join(import.meta.dirname, "../Procfile"), "utf8");

/** What the runtime of a web process is given, as the Procfile has it. */
export const WEB_FLAGS = /^web: node (.*) src\/web\.ts$/m.exec(PROCFILE)?.[1]?.split(" ") ?? [];
