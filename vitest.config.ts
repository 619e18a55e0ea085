import { defineConfig } from "vitest/config";
import "./test/compile-cache.ts";
import { beginningWith } from "./test/sequence.ts";

// What is measured comes last, one after the other, with no neighbours; a flood of sign-ins would hold up any as well.
const ALONE = ["test/measured/**/*.test.ts", "test/faults/sign-in-flood.test.ts"];
const MEASURED = ["badges", "toast", "tabs", "lean", "announcement", "fan-out"].map((name) => `measured/${name}`);

// What takes longest is begun first, so that nobody waits for it alone at the end. Most of it either waits for time to
// pass or has much to do: one beside the other, so that neither leaves the machine idle.
const LONGEST = [
  ...[
    "journey/quiet",
    "journey/accessible",
    "security/typed",
    "everyone/pages",
    "start",
    "marketplace/pages",
    "faults/redis-away",
    "faults/deaf-bus",
    "faults/killed-worker",
  ],
  ...["journey/recovery", "browser/worker", "embedded", "accounts/without-scripts", "stream/ending", "journey/inbox"],
  ...["faults/deploy", "journey/standing", "stream/conversations", "isolation", "faults/postgres-away"],
  ...["journey/preferences", "faults/network", "browser/page"],
];

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
    sequence: { sequencer: beginningWith([...LONGEST, ...MEASURED]) },
    projects: [
      {
        test: {
          ...common,
          name: "all",
          include: ["test/**/*.test.ts"],
          exclude: ALONE,
          maxWorkers: 4,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: "measured",
          include: ALONE,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
