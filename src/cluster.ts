import cluster, { type Worker } from "node:cluster";
import type { Config } from "./config.ts";
import { answer, ask } from "./ipc.ts";
import { createLog } from "./log.ts";
import { fatal, stopOnSignal } from "./process.ts";

type Ending = { code: number | null; signal: string | null };
/** One of the web processes, by a number that it keeps when it is started again. */
type Place = { number: number; worker: Worker; startedAt: number; deaths: number; exited: Promise<Ending> };

const SETTLED_MS = 60_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Runs so many web processes behind one port until it is told to stop, and starts again whichever ends. This process
 * serves nothing and keeps nothing: Node hands it the connections, and it hands them out in turn.
 */
export async function runCluster({ webConcurrency, logLevel }: Config): Promise<void> {
  const log = createLog("web-primary", logLevel);
  const places: Place[] = [];
  let running = false;
  let stopping = false;
  stopOnSignal(stop);

  // The others would only say the same if the port is taken.
  await startFirst();
  if (stopping) return;
  running = true;
  for (let number = 2; number <= webConcurrency; number += 1) start({ number, deaths: 0 });
  log.info({ processes: webConcurrency }, "the web processes are started");

  function start({ number, deaths }: Pick<Place, "number" | "deaths">): Place {
    const worker = cluster.fork();
    // That it cannot be reached shows by its end.
    worker.on("error", () => {});
    const exited = new Promise<Ending>((resolve) => {
      worker.once("exit", (code, signal) => resolve({ code, signal }));
    });
    const place = { number, deaths, worker, startedAt: Date.now(), exited };
    places.push(place);
    exited.then((ending) => ended(place, ending));
    answer(worker, "all figures", gatherFigures);
    return place;
  }

  async function startFirst(): Promise<void> {
    const { worker, exited } = start({ number: 1, deaths: 0 });
    const listening = new Promise<null>((resolve) => worker.once("listening", () => resolve(null)));
    const ending = await Promise.race([listening, exited]);
    if (!ending || stopping) return;
    // Why it cannot start, it has said itself.
    if (ending.code) process.exit(ending.code);
    fatal("The web processes cannot start", `the first one was ended by ${ending.signal ?? "itself"}`);
  }

  function ended(place: Place, ending: Ending): void {
    places.splice(places.indexOf(place), 1);
    if (stopping || !running) return;
    const settled = Date.now() - place.startedAt > SETTLED_MS;
    const deaths = settled ? 0 : place.deaths;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** deaths, LONGEST_PAUSE_MS);
    log.warn({ process: place.worker.process.pid, ...ending, pause }, "a web process ended and is started again");
    setTimeout(() => stopping || start({ number: place.number, deaths: deaths + 1 }), pause);
  }

  async function stop(): Promise<void> {
    stopping = true;
    const endings = places.map(({ exited }) => exited);
    for (const { worker } of places) worker.process.kill("SIGTERM");
    for (const { code, signal } of await Promise.all(endings)) {
      // One that was still starting knew no better than to end at once.
      if (code !== 0 && signal !== "SIGTERM" && signal !== "SIGINT") throw new Error("a web process did not");
    }
  }

  /** What each process has counted; without those that do not answer, whose series then end. */
  async function gatherFigures(): Promise<object[]> {
    const answers = places.map(async ({ number, worker }) => {
      const figures = await ask(worker, "figures").catch(() => null);
      return figures ? [{ process: number, figures }] : [];
    });
    return (await Promise.all(answers)).flat();
  }
}

/** Ends a web process whose primary is gone: nobody brings it connections any more. */
export function endWithPrimary(end: () => void): void {
  const { worker } = cluster;
  worker?.once("disconnect", () => {
    // Node would end it on the spot, and its streams without a word.
    worker.exitedAfterDisconnect = true;
    end();
  });
}
