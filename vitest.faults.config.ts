import { defineConfig } from "vitest/config";

const common = {
  setupFiles: "test/after-each-file.ts",
  pool: "forks",
  isolate: false,
  maxWorkers: 1,
  hookTimeout: 120_000,
} as const;

export default defineConfig({
  test: {
    globalSetup: "test/global-setup.ts",
    projects: [
      // Every fault at its full size, one after the other: what is measured here must not be disturbed by its neighbours.
      {
        test: {
          ...common,
          name: "faults",
          include: ["test/faults/**/*.test.ts"],
          env: { FAULTS: "full" },
          testTimeout: 900_000,
          sequence: { groupOrder: 0 },
        },
      },
      // P-11: whatever opens pages and streams passes with two web processes, either of which answers a request by chance.
      {
        test: {
          ...common,
          name: "routed",
          include: [
            "test/journey/**/*.test.ts",
            "test/accounts/without-scripts.test.ts",
            "test/marketplace/pages.test.ts",
            "test/oversight/**/*.test.ts",
            "test/isolation.test.ts",
            "test/stream/stream.test.ts",
          ],
          env: { WEBS: "2" },
          testTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
