import { configOrExit, fatal } from "./process.ts";

// The environment is checked before all else is loaded: a wrong one ends the process within a second.
const config = configOrExit("worker");
const { runWorker } = await import("./runner.ts");
await runWorker(config).catch((error) => fatal("The worker cannot start", error));
