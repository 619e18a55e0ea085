import lighthouse from "lighthouse";
import { chromium } from "playwright-core";
import { freePort } from "../src/postmaster.ts";
import { findChromium } from "../test/installed.ts";
import { ask, fragments, pages } from "./asks.ts";
import { faultsIn } from "./markup.ts";
import { FLAGS, type Person, type Site, startSite } from "./site.ts";

const CATEGORIES = ["performance", "accessibility", "best-practices"] as const;
const measured: [name: string, who: Person | null, path: string][] = [
  ["front page", null, "/"],
  ["browse", "bea", "/listings"],
  ["a listing", "bea", "/listings/1"],
  ["inbox", "bea", "/notifications"],
];
/** A page is measured so often, and what is in the middle counts: other programs take their time now and then. */
const TIMES = 3;

/** Is every page and every fragment valid HTML, and does Lighthouse give 100 for what people open first? */
async function main(): Promise<void> {
  const site = await startSite();
  try {
    const faults = [...(await checkMarkup(site)), ...(await measure(site))];
    for (const fault of faults) console.error(fault);
    if (faults.length > 0) process.exitCode = 1;
  } finally {
    await site.stop();
  }
}

async function checkMarkup(site: Site): Promise<string[]> {
  const faults: string[] = [];
  for (const asked of [...pages, ...fragments]) {
    const { status, html } = await ask(site, asked);
    const name = `${asked.form ? "POST" : "GET"} ${asked.path} as ${asked.who ?? "nobody"}: ${status}`;
    if (html.trim() === "" && status !== 204 && status !== 303) faults.push(`${name}, and nothing to read`);
    for (const fault of html ? await faultsIn(html) : []) faults.push(`${name}: ${fault}`);
  }
  console.log(
    `${pages.length} pages and ${fragments.length} fragments: ${faults.length === 0 ? "valid HTML" : "see below"}`,
  );
  return faults;
}

async function measure(site: Site): Promise<string[]> {
  const port = await freePort();
  // Lighthouse opens its tabs in the browser's own profile, where the cookie of whoever looks has to be.
  const args = [...FLAGS, `--remote-debugging-port=${port}`];
  const profile = await chromium.launchPersistentContext("", { executablePath: findChromium() ?? "", args });
  const faults: string[] = [];
  for (const [name, who, path] of measured) {
    await profile.clearCookies();
    const [cookie = "", value = ""] = who ? (await site.cookieOf(who)).split("=") : [];
    if (who) await profile.addCookies([{ name: cookie, value, url: site.url }]);
    const scores = await scoresOf(site.url + path, port);
    console.log(`${name}: ${CATEGORIES.map((category, at) => `${category} ${scores[at]}`).join(", ")}`);
    if (scores.some((score) => score < 100)) faults.push(`${name} is not at 100`);
  }
  await profile.close();
  return faults;
}

/** The median score of each category, of 100. */
async function scoresOf(url: string, port: number): Promise<number[]> {
  const runs: number[][] = [];
  for (let time = 0; time < TIMES; time++) {
    const result = await lighthouse(url, { port, logLevel: "silent", onlyCategories: [...CATEGORIES] });
    const found = result?.lhr.categories ?? {};
    runs.push(CATEGORIES.map((category) => Math.round((found[category]?.score ?? 0) * 100)));
  }
  return CATEGORIES.map((_, at) => runs.map((run) => run[at] ?? 0).sort((a, b) => a - b)[Math.floor(TIMES / 2)] ?? 0);
}

await main();
