import { afterAll } from "vitest";
import { closeContexts } from "./browser.ts";
import { killProcesses } from "./processes.ts";

// Files share a worker and its modules, so what each of them starts is ended here.
afterAll(async () => {
  killProcesses();
  await closeContexts();
});
