import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { createBus } from "../src/bus.ts";
import { loadConfig } from "../src/config.ts";
import { createDb, createPool } from "../src/db.ts";
import { DEMO_PASSWORD, type DemoPeople, seedDemo } from "../src/demo.ts";
import { startPostgres } from "../src/embedded.ts";
import { createLog } from "../src/log.ts";
import { migrate } from "../src/migrate.ts";
import { startWorker } from "../src/runner.ts";
import { startWeb } from "../src/server.ts";
import { findChromium } from "../test/installed.ts";

export type Person = keyof DemoPeople;
export type Site = Awaited<ReturnType<typeof startSite>>;

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];

/**
 * The whole product with its demo, on a free port and with a database of its own, and a browser to look at it.
 * @returns visit(), which opens a page as one of the demo people or as nobody, and stop(), which leaves nothing behind
 */
export async function startSite() {
  const folder = await mkdtemp(path.join(tmpdir(), "stockbell-tour-"));
  const postgres = await startPostgres({ dir: path.join(folder, "postgres"), settings: { fsync: "off" } });
  const config = loadConfig("start", { DATABASE_URL: postgres.url, PORT: "0", LOG_LEVEL: "silent" });
  const log = createLog("tour", config.logLevel);
  await migrate(config);
  const db = createDb(createPool(config, 2));
  await seedDemo(db);
  const bus = createBus(config, log);
  const [worker, web] = [await startWorker({ config, bus, log }), await startWeb({ config, bus, log })];
  const executablePath = findChromium();
  if (!executablePath) throw new Error("There is no Chromium here: run npm run setup.");
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  const cookies = new Map<Person, string>();

  return { url: web.url, db, cookieOf, visit, stop };

  /** The session cookie of somebody, signed in once. */
  async function cookieOf(person: Person): Promise<string> {
    const known = cookies.get(person);
    if (known) return known;
    const body = new URLSearchParams({ email: `${person}@demo.test`, password: DEMO_PASSWORD });
    const headers = { Origin: web.url, "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0.0.0" };
    const answer = await fetch(`${web.url}/sign-in`, { method: "POST", body, headers, redirect: "manual" });
    const cookie = answer.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    cookies.set(person, cookie);
    return cookie;
  }

  /** Opens a page in a browser profile of its own, live if somebody is signed in. Close its context when done. */
  async function visit(person: Person | null, at: string, options: BrowserContextOptions = {}): Promise<Page> {
    const standard = {
      baseURL: web.url,
      locale: "en-GB",
      timezoneId: "Europe/Berlin",
      reducedMotion: "reduce",
    } as const;
    const context = await browser.newContext({ ...standard, ...options });
    if (person) {
      const [name = "", value = ""] = (await cookieOf(person)).split("=");
      await context.addCookies([{ name, value, url: web.url }]);
    }
    const page = await context.newPage();
    await page.goto(at);
    if (person && options.javaScriptEnabled !== false) await page.waitForSelector('#connection[data-state="live"]');
    return page;
  }

  async function stop(): Promise<void> {
    await browser.close();
    await web.stop();
    await worker.stop();
    await bus.close();
    await db.destroy();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
