import { defineConfig } from "vitest/config";
import { beginningWith } from "./test/sequence.ts";

// Two lanes: what is measured, and beside it, one after the other, what does nothing but wait.
const LANES = [
  "journey/quiet",
  ...["measured/badges", "measured/toast", "measured/tabs"],
  "stream/ending",
  "measured/fan-out",
];

// What takes longest is begun first, so that nobody waits for it alone at the end.
const LONGEST = ["start", "embedded", "journey/recovery", "faults/redis-away", "faults/deploy", "faults/killed-worker"];

const files = (names: string[]) => names.map((name) => `test/${name}.test.ts`);

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
    sequence: { sequencer: beginningWith([...LANES, ...LONGEST]) },
    projects: [
      {
        test: {
          ...common,
          name: "all",
          include: ["test/**/*.test.ts"],
          exclude: ["test/faults/**", ...files(LANES)],
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      // Faults have limits that a crowd of neighbours with browsers would break.
      {
        test: {
          ...common,
          name: "faults",
          include: ["test/faults/**/*.test.ts"],
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...common,
          name: "measured",
          include: files(LANES),
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
