import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createTemplates } from "../../src/templates.ts";

const VIEWS = join(import.meta.dirname, "../../views");
// Markup that another template has made.
const MADE = ["it.body", "it.badge", "it.count"];

test("S-04: templates escape what they are given, and put in as it stands only what another template has made", () => {
  const raw = globSync("**/*.eta", { cwd: VIEWS }).flatMap((name) => {
    const source = readFileSync(join(VIEWS, name), "utf8");
    return [...source.matchAll(/<%[-_]?~\s*([\s\S]*?)\s*[-_]?%>/g)].map(
      ([, expression = ""]) => `${name}: ${expression}`,
    );
  });
  expect(raw.length).toBeGreaterThan(100);
  const odd = raw.filter((entry) => !/: include\('\//.test(entry) && !MADE.some((made) => entry.endsWith(`: ${made}`)));
  expect(odd).toEqual([]);
  expect(createTemplates(VIEWS, true).config).toMatchObject({ autoEscape: true, autoFilter: false });
  expect(createTemplates(VIEWS, true).renderString("<%= it.words %>", { words: `<a title="'">` })).not.toMatch(
    /[<>"']/,
  );
});
