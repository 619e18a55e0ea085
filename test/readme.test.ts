import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, rm, symlink } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postForm } from "./cast.ts";
import { freePort, startProcess } from "./processes.ts";
import { scratchFolder } from "./scratch.ts";

const ROOT = path.join(import.meta.dirname, "..");
const readme = readFileSync(path.join(ROOT, "README.md"), "utf8");
const { scripts }: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(path.join(ROOT, "package.json"), "utf8"),
);
const commands = [...readme.matchAll(/^```sh\n([^`]*)```$/gm)].flatMap(([, block = ""]) => block.trim().split("\n"));

let folder: string;
beforeAll(async () => {
  folder = await scratchFolder("stockbell-readme");
});
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));

test("P-13: the README's first line to type is one, and it and the one for tests are what CI runs", () => {
  expect(commands.slice(0, 2)).toEqual(["npm ci && npm start", "npm ci && npm run setup && npm test"]);
  const ci = readFileSync(path.join(ROOT, ".ci/run"), "utf8");
  for (const step of ["npm ci", "npm run setup", "npm run check", "npm test"]) expect(ci).toContain(step);
});

test("P-13: npm start in a fresh copy, on a machine with nothing, is there within a minute, and everybody in the README's table can sign in", async () => {
  await layOut();
  const [, program, file = ""] = /^(node) (src\/\w+\.ts)$/.exec(scripts.start ?? "") ?? [];
  expect(program).toBe("node");
  const began = Date.now();
  const started = await startProcess(file, { root: folder, env: { PORT: String(await freePort()) } });
  const [line] = await started.waitForLog(/^Stockbell is at .*\n/, 60_000);
  expect(Date.now() - began).toBeLessThan(60_000);
  const rows = [...readme.matchAll(/^\| ([\w.@, ]+@demo\.test) \| (buyer|seller|admin)s? \|/gm)];
  const people = rows.flatMap(([, emails = "", role = ""]) => emails.split(", ").map((email) => ({ email, role })));
  expect(new Set(people.map(({ role }) => role))).toEqual(new Set(["buyer", "seller", "admin"]));
  const password = /The password of each is\s+`([^`]+)`/.exec(readme)?.[1] ?? "";
  for (const { email, role } of people) {
    expect(line).toContain(`${email} (${role})`);
    const answer = await postForm(`${started.url}/sign-in`, "", { email, password });
    const cookie = answer.headers.getSetCookie().at(-1)?.split(";")[0] ?? "";
    const home = await (await fetch(`${started.url}/`, { headers: { Cookie: cookie } })).text();
    expect(home, email).toContain(`data-role="${role}"`);
  }
  expect((await started.stop("SIGINT")).code).toBe(0);
}, 90_000);

test("P-13: every command, file and folder that the README names is there", () => {
  const named = [...readme.matchAll(/npm run ([\w:]+)/g)].map(([, name = ""]) => name);
  expect(named.length).toBeGreaterThan(5);
  for (const name of named) expect(Object.keys(scripts), name).toContain(name);
  const links = [...readme.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link = ""]) => link);
  const paths = [...readme.matchAll(/`((?:src|docs|test|views|migrations|public)\/[\w./-]*|[\w.-]+\.md)`/g)];
  expect(links.length).toBeGreaterThan(3);
  for (const file of [...links, ...paths.map(([, file = ""]) => file)])
    expect(existsSync(path.join(ROOT, file)), file).toBe(true);
});

/** What a clone has after npm ci. */
async function layOut(): Promise<void> {
  for (const part of ["src", "views", "public", "migrations", "package.json"])
    await cp(path.join(ROOT, part), path.join(folder, part), { recursive: true });
  await mkdir(folder, { recursive: true });
  await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
}
