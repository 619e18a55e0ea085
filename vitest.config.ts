import { defineConfig } from "vitest/config";

const common = {
  setupFiles: "test/after-each-file.ts",
  // Few processes for all files: each would take a second to load everything anew.
  pool: "forks",
  isolate: false,
  testTimeout: 30_000,
  hookTimeout: 60_000,
} as const;

export default defineConfig({
  test: {
    globalSetup: "test/global-setup.ts",
    reporters: ["default"],
    projects: [
      {
        test: {
          ...common,
          name: "all",
          include: ["test/**/*.test.ts"],
          exclude: ["test/measured/**"],
          maxWorkers: 4,
          sequence: { groupOrder: 0 },
        },
      },
      // What is measured is measured alone, when all else is over.
      {
        test: {
          ...common,
          name: "measured",
          include: ["test/measured/**/*.test.ts"],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
