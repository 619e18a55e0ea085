import { configOrExit, fatal } from "./process.ts";

// The environment is checked before all else is loaded: a wrong one ends the process within a second.
const config = configOrExit("release");
const { migrate } = await import("./migrate.ts");
await migrate(config).catch((error) => fatal("The migration failed", error));
console.log("The database is up to date.");
