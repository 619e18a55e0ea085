import { once } from "node:events";
import { createServer } from "node:net";
import path from "node:path";
import { createBus } from "./bus.ts";
import type { Config } from "./config.ts";
import { createDb, createPool } from "./db.ts";
import { DEMO_PASSWORD, isEmpty, seedDemo } from "./demo.ts";
import { startPostgres } from "./embedded.ts";
import { createLog } from "./log.ts";
import { configOrExit, fatal, stopOnSignal } from "./process.ts";
import { migrate } from "./release.ts";
import { startWeb } from "./web.ts";
import { startWorker } from "./worker.ts";

type Stop = () => Promise<void>;

const DATA = path.join(import.meta.dirname, "../.data/postgres");

function main(): void {
  const config = configOrExit("start");
  const stops: Stop[] = [];
  let stopping = false;
  const stopAll = async () => {
    stopping = true;
    for (const stop of stops.splice(0).reverse()) await stop();
  };
}

