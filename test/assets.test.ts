import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import express from "express";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asset, assetRoutes, sendMarkup } from "../src/assets.ts";
import { bundle } from "../src/bundle.ts";

const folder = mkdtempSync(join(tmpdir(), "modules-"));
const app = express();
app.use(assetRoutes());
app.get("/page", (req, res) => sendMarkup(req, res, "<p>words</p>".repeat(Number(req.query.times))));
const server = createServer(app);
beforeAll(() => once(server.listen(0, "127.0.0.1"), "listening"));
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

/** Asks as a browser does, and takes the answer as it comes over the wire. */
async function ask(path: string, accepted: string) {
  const { port } = server.address() as AddressInfo;
  const request = get({ port, path, headers: { "Accept-Encoding": accepted } });
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  const body = Buffer.concat(await answer.toArray());
  return { status: answer.statusCode, headers: answer.headers, body };
}

function modules(files: Record<string, string>): void {
  for (const [name, source] of Object.entries(files)) writeFileSync(join(folder, name), source);
}

test("modules that import one another become one script that does the same, each of them run once", () => {
  modules({
    "entry.js":
      '// What runs.\nimport { count, Reader as Other } from "./one.js";\nimport {\n  twice,\n} from "./two.js";\n\nglobalThis.told = [twice(count()), new Other().words];\n',
    "one.js":
      'import { twice } from "./two.js";\n/** Counts.\n * @returns one more */\nexport function count() {\n  return twice(total++);\n}\nlet total = 1;\nexport class Reader {\n  /** @type {string} */ words = "// no comment";\n}\n',
    "two.js": "globalThis.runs = (globalThis.runs ?? 0) + 1;\nexport const twice = (value) => value * 2;\n",
  });
  const script = bundle(folder, "entry.js");
  const made = new Function("globalThis", script);
  const world: Record<string, unknown> = {};
  made(world);
  expect(world).toEqual({ told: [4, "// no comment"], runs: 1 });
  expect(script).not.toMatch(/What runs|Counts/);
});

test.each([
  ['import everything from "./two.js";\n', "import everything"],
  ['import * as two from "./two.js";\n', "import * as two"],
  ["export default 1;\n", "export default 1"],
  ["const one = 1;\nexport { one };\n", "export { one }"],
])("a module with %j is refused in words", (source, named) => {
  modules({ "odd.js": source, "two.js": "export const two = 2;\n" });
  expect(() => bundle(folder, "odd.js")).toThrow(`public/odd.js: "${named}`);
});

test("modules that import each other in a circle are refused in words", () => {
  modules({
    "hen.js": 'import { egg } from "./egg.js";\nexport const hen = egg;\n',
    "egg.js": 'import { hen } from "./hen.js";\nexport const egg = hen;\n',
  });
  expect(() => bundle(folder, "hen.js")).toThrow("hen.js imports egg.js imports hen.js");
});

test("an asset comes in the encoding that a browser takes, and is kept for a year", async () => {
  const plain = await ask(asset("stockbell.css"), "identity");
  const gzipped = await ask(asset("stockbell.css"), "gzip, deflate");
  const small = await ask(asset("stockbell.css"), "gzip, deflate, br");
  expect([plain, gzipped, small].map(({ headers }) => headers["content-encoding"])).toEqual([undefined, "gzip", "br"]);
  expect(gunzipSync(gzipped.body).equals(plain.body)).toBe(true);
  expect(brotliDecompressSync(small.body).equals(plain.body)).toBe(true);
  expect(small.headers).toMatchObject({
    "content-type": "text/css; charset=utf-8",
    "cache-control": "public, max-age=31536000, immutable",
    vary: "Accept-Encoding",
  });
  expect(small.body.length).toBeLessThan(plain.body.length / 4);
  expect((await ask(asset("stockbell.css"), "br;q=0, gzip")).headers["content-encoding"]).toBe("gzip");
});

test("what another release's page asks for comes, and is not kept as that release's", async () => {
  const { status, headers } = await ask("/assets/another/stockbell.css", "br");
  expect([status, headers["cache-control"]]).toEqual([200, "no-store"]);
});

test("the stylesheet begins with the order of the layers, and holds each sheet once", async () => {
  const { body } = await ask(asset("stockbell.css"), "identity");
  const css = body.toString();
  expect(css.trimStart()).toMatch(/^@layer reset, base, /);
  expect(css.split(".toast-dismiss:hover").length).toBe(2);
});

test.each(["nothing.js", "css", "..%2Fpackage.json", "css%2Fbase.css", "constructor", "__proto__"])(
  "there is no asset %s",
  async (name) => {
    expect((await ask(asset(name), "br")).status).toBe(404);
  },
);

test("a page is compressed where the browser takes it, and a small answer is not", async () => {
  const page = await ask("/page?times=1000", "br");
  expect([page.headers["content-encoding"], page.headers["content-type"]]).toEqual(["br", "text/html; charset=utf-8"]);
  expect(brotliDecompressSync(page.body).toString()).toBe("<p>words</p>".repeat(1000));
  expect((await ask("/page?times=1000", "identity")).headers["content-encoding"]).toBeUndefined();
  expect((await ask("/page?times=2", "br")).headers["content-encoding"]).toBeUndefined();
});
