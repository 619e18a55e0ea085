import "./test/compile-cache.ts";
import { defineConfig } from "vitest/config";
import { beginningWith } from "./test/sequence.ts";

// These wait for most of their time, and run one after the other beside the soak, which takes ten minutes: the quietest
// where it measures.
const SOAK = "faults/soak";
const BESIDE_SOAK = [
  ...["network", "clock", "stalled", "poison", "same-event", "aborted", "first-byte", "odd-cursors", "postgres-away"],
  ...["redis-away", "deaf-bus"],
].map((name) => `faults/${name}`);
const LONG = [SOAK, ...BESIDE_SOAK];
const files = (names: string[]) => names.map((name) => `test/${name}.test.ts`);

const common = {
  setupFiles: "test/after-each-file.ts",
  pool: "forks",
  isolate: false,
  hookTimeout: 120_000,
} as const;
const full = { env: { FAULTS: "full" }, testTimeout: 900_000 };

export default defineConfig({
  test: {
    globalSetup: "test/global-setup.ts",
    sequence: { sequencer: beginningWith(LONG) },
    projects: [
      {
        test: {
          ...common,
          ...full,
          name: "beside",
          include: files(LONG),
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      // What is measured under load must not be disturbed by neighbours.
      {
        test: {
          ...common,
          ...full,
          name: "alone",
          include: ["test/faults/**/*.test.ts"],
          exclude: files(LONG),
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
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
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
