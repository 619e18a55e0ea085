import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const folder = new URL("../../public/css/", import.meta.url);
const sheets = readdirSync(folder).map((name): [string, string] => [
  name,
  readFileSync(new URL(name, folder), "utf8").replaceAll(/\/\*.*?\*\//gs, ""),
]);

/** The declarations of a sheet whose property is one of these. */
function declaring(css: string, property: RegExp): string[] {
  const found = [...css.matchAll(/(?<=[{;]\s*)([a-z-]+)\s*:\s*([^;{}]+)(?=[;}])/g)];
  return found.filter(([, name = ""]) => property.test(name)).map(([all]) => all);
}

const SIDES =
  /^((margin|padding|border|inset|scroll-margin|scroll-padding)-(left|right|top|bottom)(-.*)?|left|right|top|bottom)$/;
const SIZES = /^(min-|max-)?(width|height)$/;
const CORNERS = /^border-(top|bottom)-(left|right)-radius$/;

test.each(sheets)(
  "%s knows no left and no right: what is written from the right is laid out from the right",
  (_name, css) => {
    expect(declaring(css, /./).length).toBeGreaterThan(10);
    for (const physical of [SIDES, SIZES, CORNERS]) expect(declaring(css, physical)).toEqual([]);
    const words = declaring(css, /^(text-align|float|clear|caption-side|background-position)$/);
    expect(words.filter((declaration) => /:\s*(left|right)\b/.test(declaration))).toEqual([]);
  },
);

test.each(sheets)("%s has no type in pixels: it grows with what the reader has set", (_name, css) => {
  expect(
    declaring(css, /^(font|font-size|line-height|letter-spacing)$/).filter((text) => /\dp[xt]\b/.test(text)),
  ).toEqual([]);
});
