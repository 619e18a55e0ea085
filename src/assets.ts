import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, brotliCompressSync, constants, gzip, gzipSync } from "node:zlib";
import express, { type Request, type Response, type Router } from "express";
import { allow } from "./access.ts";
import { bundle, withoutComments } from "./bundle.ts";
import { pictures } from "./scenes.ts";

const types: Record<string, string> = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const publicFolder = join(import.meta.dirname, "../public");
const require = createRequire(import.meta.url);
const fromPackages = [require.resolve("htmx.org/dist/htmx.min.js"), require.resolve("htmx-ext-sse/dist/sse.min.js")];
const sheets = readdirSync(join(publicFolder, "css"))
  .filter((name) => name !== "oversight.css")
  .sort();
const files = new Set(readdirSync(publicFolder).filter((name) => extname(name) in types));

// What is made of several files. Everything else is a file of public/ as it stands.
const made: Record<string, () => string> = {
  "app.js": () => bundle(publicFolder, "app.js"),
  "oversight.js": () => bundle(publicFolder, "oversight.js"),
  "visitor.js": () => bundle(publicFolder, "visitor.js"),
  "shared.js": () => bundle(publicFolder, "shared.js"),
  "htmx.js": () => fromPackages.map(read).join("\n"),
  "pictures.svg": pictures,
  // base.css tells the order of the layers, and so comes first; the order of the others makes no difference.
  "stockbell.css": () =>
    withoutComments(
      [...new Set(["base.css", ...sheets])].map((sheet) => read(join(publicFolder, "css", sheet))).join(""),
    ),
  // For admins alone, after the other.
  "oversight.css": () => withoutComments(read(join(publicFolder, "css/oversight.css"))),
};
const version = fingerprint();
const KEPT = "public, max-age=31536000, immutable";
/** Below this a compressed answer is hardly smaller. */
const WORTH_IT = 1_400;

type Coding = "br" | "gzip" | "identity";

/** The versioned address of an asset: a file of public/, or one of those that are made of several. */
export function asset(name: string): string {
  return `/assets/${version}/${name}`;
}

/** Serves what asset() names, compressed once and kept; browsers keep it for a year, since the path changes with the files. */
export function assetRoutes(): Router {
  const router = express.Router();
  router.get("/assets/:version/:name", allow("anyone"), async (req, res, next) => {
    const { version: asked, name = "" } = req.params as { version?: string; name?: string };
    const content = contentOf(name);
    if (content === undefined) return next();
    const coding = codingFor(req, content.length);
    if (coding !== "identity") res.set("Content-Encoding", coding);
    res.set({
      "Content-Type": `${types[extname(name)]}; charset=utf-8`,
      // While a new release comes up, its pages may ask a process of the old one: that is not to be kept as the new one's.
      "Cache-Control": asked === version ? KEPT : "no-store",
      Vary: "Accept-Encoding",
    });
    res.end(await packed(name, content, coding));
  });
  return router;
}

/** Answers with markup, compressed where the browser takes it. What it says of caching is the caller's. */
export function sendMarkup(req: Request, res: Response, html: string): void {
  res.type("html").vary("Accept-Encoding");
  const coding = codingFor(req, html.length);
  if (coding === "identity") return void res.send(html);
  // Quick rather than small: a page is made for one reader and sent once.
  const params = { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_SIZE_HINT]: html.length };
  res.set("Content-Encoding", coding).send(coding === "br" ? brotliCompressSync(html, { params }) : gzipSync(html));
}

const contents = new Map<string, string>();

function contentOf(name: string): string | undefined {
  if (!contents.has(name) && (Object.hasOwn(made, name) || files.has(name)))
    contents.set(name, made[name]?.() ?? read(join(publicFolder, name)));
  return contents.get(name);
}

const kept = new Map<string, Promise<Buffer>>();

function packed(name: string, content: string, coding: Coding): Promise<Buffer> {
  const key = `${coding} ${name}`;
  const made = kept.get(key) ?? pack(content, coding);
  kept.set(key, made);
  return made;
}

function pack(content: string, coding: Coding): Promise<Buffer> {
  if (coding === "br") return promisify(brotliCompress)(content);
  return coding === "gzip" ? promisify(gzip)(content, { level: 9 }) : Promise.resolve(Buffer.from(content));
}

function codingFor(req: Request, length: number): Coding {
  if (length < WORTH_IT) return "identity";
  const taken = (req.get("Accept-Encoding") ?? "").split(",").filter((entry) => !/;\s*q=0(\.0*)?\s*$/.test(entry));
  const names = taken.map((entry) => entry.split(";")[0]?.trim());
  return names.includes("br") ? "br" : names.includes("gzip") ? "gzip" : "identity";
}

function fingerprint(): string {
  const hash = createHash("sha256").update(pictures());
  for (const maker of ["assets.ts", "bundle.ts"]) hash.update(read(join(import.meta.dirname, maker)));
  for (const entry of readdirSync(publicFolder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) hash.update(entry.name).update(read(join(entry.parentPath, entry.name)));
  }
  for (const file of fromPackages) hash.update(read(file));
  return hash.digest("hex").slice(0, 12);
}

function read(file: string): string {
  return readFileSync(file, "utf8");
}
