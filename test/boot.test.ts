import { afterAll, beforeAll, expect, test } from "vitest";
import { startWeb } from "../src/server.ts";
import { createSite, get, post, type Site } from "./accounts/site.ts";
import { redisUrl } from "./database.ts";
import { freePort, startProcess } from "./processes.ts";

const TOLD = "people of the demo";

let site: Site;
beforeAll(async () => {
  site = await createSite();
});
afterAll(() => site.close());

async function startInProduction() {
  const env = {
    NODE_ENV: "production",
    APP_ORIGIN: "https://stock.example",
    SESSION_SECRET: "7f3a9c1e5b8d2046-a-long-enough-one",
  };
  const addresses = { DATABASE_URL: site.world.databaseUrl, REDIS_URL: redisUrl(), PORT: String(await freePort()) };
  return startProcess("src/web.ts", { env: { ...env, ...addresses } });
}

test("S-20: a web process in production does not start while people of the demo are in its database, and says so", async () => {
  const refused = await startInProduction();
  expect((await refused.exited).code).toBe(1);
  expect(refused.logs()).toContain(TOLD);
  expect(refused.logs()).not.toContain("demo.test");

  const { db, world } = site;
  await expect(startWeb({ ...world, config: { ...world.config, production: true } })).rejects.toThrow(TOLD);
  await db
    .updateTable("users")
    .set((eb) => ({ email: eb.fn("replace", ["email", eb.val("demo.test"), eb.val("trade.example")]) }))
    .execute();
  const started = await startInProduction();
  await started.waitForLog(/listens/, 30_000);
  expect((await started.stop()).code).toBe(0);
}, 60_000);

test("S-20: nobody makes an account in production that would keep it from starting", async () => {
  const person = { role: "buyer", name: "N", company: "C", password: "long enough for it" };
  const app = site.appWith({ production: true, trustProxy: 1 });
  for (const email of ["eve@demo.test", "Eve@DEMO.test"]) {
    const { status, text } = await post(app, "/sign-up", { ...person, email });
    expect([status, text.includes("Addresses at demo.test")], email).toEqual([422, true]);
  }
  expect((await post(app, "/sign-up", { ...person, email: "eve@example.test" })).status).not.toBe(422);
});

test("S-20: what is not for visitors is not served: source, settings, documents, figures", async () => {
  for (const path of [
    ...["/package.json", "/package-lock.json", "/.env", "/.env.example", "/.git/config", "/README.md", "/SECURITY.md"],
    ...["/docs/security.md", "/src/app.ts", "/migrations/2026-11-24-first.ts", "/node_modules/express/package.json"],
    ...[
      "/assets/../package.json",
      "/assets/1/%2e%2e%2fpackage.json",
      "/metrics",
      "/debug",
      "/server-status",
      "/views/layout.eta",
    ],
  ])
    expect((await get(site.app, path)).status, path).toBe(404);
});
