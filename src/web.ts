import { configOrExit, fatal } from "./process.ts";

// The environment is checked before all else is loaded: a wrong one ends the process within a second.
const config = configOrExit("web");
const { runWeb } = await import("./server.ts");
await runWeb(config).catch((error) => fatal("The web process cannot start", error));
