import { mkdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import type { Page } from "playwright-core";
import { findActiveUser } from "../src/accounts/users.ts";
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
  ["oversight", "ada", "/oversight", ["wide", "phone-dark"]],
  ["person", "ada", "/oversight/people/4", ["wide"], openSuspension],
  ["people", "ada", "/oversight/people", ["phone-dark"]],
  ["not-found", "bea", "/listings/999999", ["phone-dark"]],
  ["interrupted", "bea", "/listings", ["wide"], goAway],
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

/** The seller lowers a price while somebody looks on. @param beginning of the listing's title */
function cheaper(beginning: string) {
  return async (page: Page, { db }: Site): Promise<void> => {
    const { id, sellerId } = await db
      .selectFrom("listings")
      .select(["id", "seller_id as sellerId"])
      .where("title", "like", `${beginning}%`)
      .executeTakeFirstOrThrow();
    const [[listing], seller] = [await findListings(db, [id]), await findActiveUser(db, sellerId)];
    if (!seller || !listing) throw new Error("The demo has changed.");
    const { title, description, category, quantity, unit, currency, location } = listing;
    const said = { title, description, category, quantity, unit, currency, location };
    await updateListing(db, seller, listing, { ...said, priceMinor: Math.round(listing.priceMinor * 0.97) });
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
  await page.getByLabel("Reason").fill("Sells what is not there: three buyers wrote of it");
}

/** Nothing answers any more: for the last picture. */
async function goAway(page: Page, site: Site): Promise<void> {
  await site.stopServer();
  await page.waitForSelector("#outage button", { timeout: 20_000 });
}

await main();
