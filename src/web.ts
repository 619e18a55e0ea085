import cluster from "node:cluster";
import { configOrExit, fatal } from "./process.ts";

// The environment is checked before all else is loaded: a wrong one ends the process within a second.
const config = configOrExit("web");
if (cluster.isPrimary && config.webConcurrency > 1) {
  const { runCluster } = await import("./cluster.ts");
  await runCluster(config);
} else {
  const { runWeb } = await import("./server.ts");
  await runWeb(config).catch((error) => fatal("The web process cannot start", error));
}
