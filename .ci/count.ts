// Prints how the tests went, from Vitest's JSON report, and ends as they did: count.ts <report> <exit code of the run>
import { readFileSync } from "node:fs";

type Outcome = { status: string };
type Report = { testResults: (Outcome & { assertionResults: Outcome[] })[] };

const [file = "", exitCode = "1"] = process.argv.slice(2);
const { testResults } = readReport(file);
const tests = testResults.flatMap((result) => result.assertionResults);
const passed = count("passed");
const skipped = tests.length - passed - count("failed");
// A file that could not be loaded has no tests to fail, and an error outside of every test has no file.
const broken = testResults.filter((one) => one.status === "failed" && !one.assertionResults.some(isFailed)).length;
const failed = Math.max(count("failed") + broken, exitCode === "0" ? 0 : 1);

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

function readReport(path: string): Report {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return { testResults: [] };
  }
}

function count(status: string): number {
  return tests.filter((test) => test.status === status).length;
}

function isFailed(test: Outcome): boolean {
  return test.status === "failed";
}
