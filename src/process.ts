import cluster from "node:cluster";
import { type Config, loadConfig, type ProcessKind } from "./config.ts";

/** One clear line on standard error, and the end of the process with code 1. */
export function fatal(what: string, error: unknown): never {
  console.error(`${what}: ${reasonOf(error)}`);
  process.exit(1);
}

/** The environment's settings, or the end of the process with one line that names what is wrong. */
export function configOrExit(kind: ProcessKind): Config {
  try {
    const config = loadConfig(kind);
    // Of several web processes the first says it for all.
    const unverified = cluster.isPrimary ? config.unverifiedTls : [];
    for (const service of unverified) console.error(`Warning: TLS to the ${service} is not verified.`);
    return config;
  } catch (error) {
    return fatal("Stockbell cannot start", error);
  }
}

/**
 * Runs `stop` at the first SIGTERM or SIGINT and exits 0; further signals change nothing. Whatever takes longer than
 * 20 of the platform's 30 seconds is left behind.
 * @returns ends the process in the same good order, but as one that failed, so that the platform starts a fresh one
 */
export function stopOnSignal(stop: () => Promise<void>): () => void {
  let stopping = false;
  const end = (code: number) => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), 20_000).unref();
    stop().then(
      () => process.exit(code),
      (error) => fatal("Stockbell did not stop cleanly", error),
    );
  };
  process.on("SIGTERM", () => end(0));
  process.on("SIGINT", () => end(0));
  return () => end(1);
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message.split("\n")[0] || error.name : String(error);
}
