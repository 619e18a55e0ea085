import { defineConfig } from "vitest/config";

// Every fault at its full size, one after the other: what is measured here must not be disturbed by its neighbours.
export default defineConfig({
  test: {
    globalSetup: "test/global-setup.ts",
    setupFiles: "test/after-each-file.ts",
    include: ["test/faults/**/*.test.ts"],
    env: { FAULTS: "full" },
    pool: "forks",
    isolate: false,
    maxWorkers: 1,
    testTimeout: 900_000,
    hookTimeout: 120_000,
  },
});
