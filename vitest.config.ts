import { defineConfig } from "vitest/config";
import { beginningWith } from "./test/sequence.ts";

// What takes longest is begun first, so that nobody waits for it alone at the end.
const LONGEST = [
  "start",
  "journey/quiet",
  "embedded",
  "journey/recovery",
  // In turns what works and what waits, since two of these run at a time.
  ...["measured/badges", "faults/redis-away", "measured/toast", "faults/network", "faults/aborted", "measured/tabs"],
  ...["faults/poison", "faults/killed-worker", "faults/first-byte", "faults/deploy"],
];
const ALONE = "test/measured/fan-out.test.ts";

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
    sequence: { sequencer: beginningWith(LONGEST) },
    projects: [
      {
        test: {
          ...common,
          name: "all",
          include: ["test/**/*.test.ts"],
          exclude: ["test/measured/**", "test/faults/**"],
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      // Faults and figures have limits that a crowd of neighbours would break.
      {
        test: {
          ...common,
          name: "timed",
          include: ["test/faults/**/*.test.ts", "test/measured/**/*.test.ts"],
          exclude: [ALONE],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      // The one that compares two times of a few milliseconds has the machine to itself.
      {
        test: {
          ...common,
          name: "alone",
          include: [ALONE],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
