import { mkdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import type { Page } from "playwright-core";
import { findListings } from "../src/marketplace/listings.ts";
import { updateListing } from "../src/marketplace/publishing.ts";
import { type Person, type Site, startSite } from "./site.ts";

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
  ["home-buyer", "bea", "/", ["wide", "phone"]],
  ["browse", "bea", "/listings", ["wide", "phone-dark"], cheaper],
  ["listing", "bea", "/listings/1", ["wide", "wide-dark", "phone"]],
  ["conversation", "bea", "/enquiries/1", ["wide", "phone-dark"]],
  ["inbox", "bea", "/notifications", ["wide", "phone"]],
  ["why", "bea", "/notifications", ["wide-dark"], openReason],
  ["preferences", "bea", "/notifications/preferences", ["wide", "phone-dark"]],
  ["home-seller", "sol", "/", ["wide-dark", "phone"]],
  ["reserve", "sol", "/listings/1", ["wide"], openReserve],
  ["oversight", "ada", "/oversight", ["wide", "phone-dark"]],
  ["offline", "bea", "/listings", ["wide", "phone"], goOffline],
  ["not-found", "bea", "/listings/999999", ["phone-dark"]],
];

/** Takes every picture of docs/tour.md anew. */
async function main(): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
  const site = await startSite();
  let bytes = 0;
  try {
    for (const shot of shots) for (const look of shot[3]) bytes += await take(site, shot, look);
  } finally {
    await site.stop();
  }
  console.log(`${shots.flatMap(([, , , looks]) => looks).length} pictures, ${(bytes / 1e6).toFixed(2)} MB`);
  if (bytes > MOST_BYTES) throw new Error("That is more than 3 MB.");
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

/** Sol lowers a price and reserves something while Bea looks on. */
async function cheaper(page: Page, { db }: Site): Promise<void> {
  const people = await db.selectFrom("users").select(["id", "name", "company", "email", "role"]).execute();
  const sol = people.find(({ email }) => email.startsWith("sol"));
  const [listing] = await findListings(db, [2]);
  if (!sol || !listing) throw new Error("The demo has changed.");
  const { title, description, category, quantity, unit, currency, location } = listing;
  const priceMinor = listing.priceMinor - 12_00;
  await updateListing(db, sol, listing, {
    title,
    description,
    category,
    quantity,
    unit,
    priceMinor,
    currency,
    location,
  });
  await page.waitForSelector("#toasts .toast");
}

async function openReason(page: Page): Promise<void> {
  await page.locator(".inbox-reason").first().click();
  await page.waitForSelector(".why-panel");
}

async function openReserve(page: Page): Promise<void> {
  await page.getByText("Reserve for a buyer").click();
}

async function goOffline(page: Page): Promise<void> {
  await page.context().setOffline(true);
  await page.waitForSelector("#outage button", { timeout: 15_000 });
}

await main();
