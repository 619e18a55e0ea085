import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// What takes longest is begun first, so that nobody waits for it alone at the end. The rest goes by size.
const LONGEST = [
  "start",
  "journey/quiet",
  "embedded",
  "journey/recovery",
  "faults/redis-away",
  "faults/postgres-away",
  "faults/killed-worker",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const order = (file: TestSpecification) =>
      file.project.config.sequence.groupOrder * 1000 + placeAmongLongest(file.moduleId);
    return (await super.sort(files)).toSorted((a, b) => order(a) - order(b));
  }
}

function placeAmongLongest(file: string): number {
  const place = LONGEST.findIndex((name) => file.endsWith(`/test/${name}.test.ts`));
  return place < 0 ? LONGEST.length : place;
}

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
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...common,
          name: "all",
          include: ["test/**/*.test.ts"],
          exclude: ["test/measured/**", "test/faults/**"],
          maxWorkers: 4,
          sequence: { groupOrder: 0 },
        },
      },
      // Faults have deadlines that a crowd of neighbours would break.
      {
        test: {
          ...common,
          name: "faults",
          include: ["test/faults/**/*.test.ts"],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      // What is measured is measured alone, when all else is over.
      {
        test: {
          ...common,
          name: "measured",
          include: ["test/measured/**/*.test.ts"],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
