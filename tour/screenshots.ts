import { mkdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import type { Page } from "playwright-core";
import { type Person, type Site, startSite } from "./site.ts";
import { lower, trade } from "./trade.ts";

const FOLDER = path.join(import.meta.dirname, "../docs/tour");
const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 375, height: 740 };
const MOST_BYTES = 3_000_000;

type Look = "wide" | "wide-dark" | "phone" | "phone-dark";
/** A picture: its name, who looks at what, in which looks, and what is done before it is taken. */
type Shot = [
  name: string,
  who: Person | null,
  at: string,
  looks: Look[],
  act?: (page: Page, site: Site) => Promise<unknown>,
];

const shots: Shot[] = [
  ["front", null, "/", ["wide", "phone-dark"]],
  ["sign-in", null, "/sign-in", ["wide", "phone"], refused],
  ["home-buyer", "bea", "/", ["wide"], cheaper("Zinc")],
  ["home-buyer", "bea", "/", ["phone-dark"], cheaper("Stretch")],
  ["browse", "otto", "/listings", ["wide", "phone"]],
  ["change", "bea", "/listings?q=steel", ["wide-dark"], cheaper("Hot-rolled")],
  ["listing", "bea", "/listings/1", ["wide", "phone-dark"]],
  ["conversation", "bea", "/enquiries/1", ["wide", "phone"]],
  ["inbox", "bea", "/notifications", ["wide", "phone-dark"]],
  ["why", "bea", "/notifications", ["wide-dark"], openReason],
  ["preferences", "bea", "/notifications/preferences", ["wide", "phone"]],
  ["home-seller", "sol", "/", ["wide", "phone-dark"]],
  ["reserve", "sol", "/listings/1", ["wide-dark"], openReserve],
  ["enquiries", "sol", "/enquiries", ["phone"]],
  ["not-found", "bea", "/listings/999999", ["phone-dark"]],
  ["interrupted", "bea", "/listings", ["wide"], goAway],
];

/** What Ada sees of a site on which people have traded for a while. */
const overseen: Shot[] = [
  ["oversight", "ada", "/oversight", ["wide", "phone-dark"], showHealth],
  ["health", "ada", "/oversight/health", ["wide"], showHealth],
  ["health", "ada", "/oversight/health", ["phone"], showCharts],
  ["event", "ada", "/oversight?kind=listing_reserved", ["wide-dark"], explain],
  ["person", "ada", "/oversight/people/4", ["wide"], openSuspension],
  ["people", "ada", "/oversight/people", ["phone-dark"]],
  ["preview", "ada", "/oversight/announcements", ["wide"], writeAnnouncement],
  ["announcements", "ada", "/oversight/announcements", ["phone"], announce],
  ["announced", "bea", "/notifications?kind=announcement", ["phone-dark"], openFirst],
  ["proof", "ada", "/oversight/proof", ["wide"], prove],
];

/** Takes every picture of docs/tour.md anew. */
async function main(): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
  const bytes = [...(await takeAll(shots)), ...(await takeAll(overseen, trade))];
  const all = bytes.reduce((sum, size) => sum + size, 0);
  console.log(`${bytes.length} pictures, ${(all / 1e6).toFixed(2)} MB`);
  if (all > MOST_BYTES) throw new Error("That is more than 3 MB.");
}

/** Takes pictures of a site of their own. @param before what happens there first */
async function takeAll(all: Shot[], before?: (site: Site) => Promise<void>): Promise<number[]> {
  const site = await startSite();
  const bytes: number[] = [];
  try {
    await before?.(site);
    for (const shot of all) for (const look of shot[3]) bytes.push(await take(site, shot, look));
  } finally {
    await site.stop();
  }
  return bytes;
}

async function take(site: Site, [name, who, at, , act]: Shot, look: Look): Promise<number> {
  const viewport = look.startsWith("wide") ? WIDE : PHONE;
  const page = await site.visit(who, at, { viewport, colorScheme: look.endsWith("dark") ? "dark" : "light" });
  await act?.(page, site);
  await page.evaluate("document.fonts.ready");
  const file = path.join(FOLDER, `${name}-${look}.png`);
  await page.screenshot({ path: file });
  await page.context().close();
  return (await stat(file)).size;
}

async function refused(page: Page): Promise<void> {
  await page.getByLabel("Email address").fill("bea@demo.test");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForSelector(".error-summary");
}

/** The seller lowers a price while somebody looks on. @param beginning of the listing's title */
function cheaper(beginning: string) {
  return async (page: Page, { db }: Site): Promise<void> => {
    const { id } = await lower(db, beginning);
    await page.waitForSelector("#toasts .toast");
    await page.waitForSelector(`#card-${id} .was`);
  };
}

async function openReason(page: Page): Promise<void> {
  await page.locator(".inbox-reason").first().click();
  await page.waitForSelector(".why-panel");
}

async function openReserve(page: Page): Promise<void> {
  await page.getByText("Reserve for a buyer").click();
}

async function openSuspension(page: Page): Promise<void> {
  await page.getByText("Suspend…").click();
  await page.locator("#suspension-reason").fill("Sells what is not there: three buyers wrote of it");
}

/** The figures as the next push brings them. */
async function showHealth(page: Page): Promise<void> {
  const version = await page.getAttribute("[data-version]", "data-version");
  await page.waitForSelector(`[data-version]:not([data-version="${version}"])`);
}

async function showCharts(page: Page): Promise<void> {
  await showHealth(page);
  await page.evaluate("document.querySelector('#speed-title').scrollIntoView()");
}

async function explain(page: Page): Promise<void> {
  await page.locator("#events .log-what a").first().click();
  await page.getByLabel("Person").fill("rita");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.waitForSelector("#explanation");
  await page.evaluate("scrollTo(0, 0)");
}

async function writeAnnouncement(page: Page): Promise<void> {
  await page.getByLabel("All buyers").check();
  await page.getByLabel("Title").fill("A break on Sunday");
  await page
    .getByLabel("Text")
    .fill("On Sunday from eight to nine nothing can be reserved.\nWhat is reserved stays so.");
  await page.getByRole("button", { name: "Look at it first" }).click();
  await page.waitForSelector("[data-recipients]");
}

async function announce(page: Page): Promise<void> {
  await writeAnnouncement(page);
  await page.getByRole("button", { name: /^Send to/ }).click();
  await page.waitForSelector('.row-progress[data-state="sent"]');
  await page.locator("summary", { hasText: "Take back" }).click();
  await page.locator("#announced").scrollIntoViewIfNeeded();
}

async function openFirst(page: Page): Promise<void> {
  await page.locator(".inbox-link").first().click();
  await page.getByRole("heading", { name: "Announcement", exact: true }).waitFor();
}

async function prove(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Prove it now" }).click();
  await page.waitForSelector('#proof[data-state="same"]');
}

/** Nothing answers any more: for the last picture. */
async function goAway(page: Page, site: Site): Promise<void> {
  await site.stopServer();
  await page.waitForSelector("#outage button", { timeout: 20_000 });
}

await main();
