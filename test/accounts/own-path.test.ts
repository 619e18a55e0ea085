import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ownPath } from "../../src/own-path.ts";
import { createSite, PASSWORD, post, type Site } from "./site.ts";

const HOME = "https://stock.example";
const elsewhere = [
  ...["//evil.test", "///evil.test", "////evil.test/%2e%2e", "//evil.test/listings", "//user@evil.test"],
  ...["/\\evil.test", "\\\\evil.test", "\\/evil.test", "/\\/evil.test", "\\evil.test", "/\\\\evil.test"],
  ...[
    "https:evil.test",
    "https:/evil.test",
    "https://evil.test",
    "HTTPS://evil.test",
    "http:///evil.test",
    "ftp://evil.test",
  ],
  ...["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,hi", "vbscript:x", "blob:https://evil.test/1"],
  ...[
    "/\t/evil.test",
    "/\n/evil.test",
    "/\r/evil.test",
    "\t//evil.test",
    " //evil.test",
    "/\t\\evil.test",
    "\u0000//evil.test",
  ],
  ...["/.//evil.test", "/..//evil.test", "/./\\evil.test", "/a/..//evil.test", "/%2e//evil.test", "/%2E%2E//evil.test"],
  ...[
    "evil.test",
    "@evil.test",
    ".evil.test",
    "?next=//evil.test",
    "#//evil.test",
    "",
    "https://stock.example@evil.test",
  ],
  ...[
    "/listings\r\nLocation: https://evil.test",
    "/%0d%0aLocation:%20https://evil.test",
    "/\r\n\r\n<script>",
    "/\u2028/evil.test",
  ],
  ...["/%2f%2fevil.test", "/%5cevil.test", "//%65vil.test", "/\uff0fevil.test", "\uff0f\uff0fevil.test"],
];

let site: Site;
beforeAll(async () => {
  site = await createSite();
});
afterAll(() => site.close());

test("S-07: no next leads away from the site, however it is written", async () => {
  expect(elsewhere.length).toBeGreaterThanOrEqual(40);
  const { bea } = site.world.cast;
  for (const next of elsewhere) {
    const answer = await post(site.app, "/sign-in", { email: bea.email, password: PASSWORD, next });
    expect(answer.status, next).toBe(303);
    const location = answer.headers.location ?? "";
    expect(location, next).toMatch(/^\/(?!\/)/);
    expect(new URL(location, HOME).origin, next).toBe(HOME);
  }
});

test("S-07: no text at all becomes a path that leads away", () => {
  const pieces = fc.constantFrom(
    "/",
    "\\",
    ".",
    "..",
    "//",
    "\t",
    "\n",
    ":",
    "@",
    "evil.test",
    "https:",
    "%2f",
    "%5c",
    "?",
    "#",
    "a",
  );
  const texts = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 8 }).map((parts) => `/${parts.join("")}`),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const path = ownPath(text);
      expect(path).toMatch(/^\/(?!\/)/);
      expect(new URL(path, HOME).origin).toBe(HOME);
      expect(new URL(path, HOME).pathname.startsWith("//")).toBe(false);
    }),
    { numRuns: 2000 },
  );
});

test.each(["/listings?q=copper%20wire&page=2", "/listings/12#history", "/enquiries/3", "/"])(
  "%s is kept as it is",
  (path) => {
    expect(ownPath(path)).toBe(path);
  },
);

test.each([undefined, null, 7, ["/listings"], `/${"x".repeat(3000)}`])(
  "what is no path at all becomes home: %s",
  (given) => {
    expect(ownPath(given)).toBe("/");
  },
);
