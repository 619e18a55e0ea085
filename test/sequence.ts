import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * The order in which test files are begun: these first, in their order, and the rest by size, group after group.
 * @param names what their paths under test/ end with, without .test.ts
 */
export function beginningWith(names: string[]): typeof BaseSequencer {
  const place = ({ project, moduleId }: TestSpecification) => {
    const found = names.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
    return project.config.sequence.groupOrder * 1000 + (found < 0 ? names.length : found);
  };
  return class extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
      return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
    }
  };
}
