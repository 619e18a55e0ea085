import { setTimeout } from "node:timers/promises";
import { findActiveUser, findUserByEmail } from "../src/accounts/users.ts";
import { findListings } from "../src/marketplace/listings.ts";
import { updateListing } from "../src/marketplace/publishing.ts";
import { reserveListing } from "../src/marketplace/reservations.ts";
import type { Site } from "./site.ts";

const FOR_MS = 6 * 60_000;

/** Some minutes on the market, with people who look on: what health shows has happened, and took as long as it says. */
export async function trade(site: Site): Promise<void> {
  const lookers = [await site.visit("bea", "/"), await site.visit("otto", "/"), await site.visit("sol", "/")];
  const lots = ["Zinc", "Stretch", "Rebar", "LED", "Hot-rolled", "Spruce", "Brass"];
  const until = Date.now() + FOR_MS;
  for (let round = 0; Date.now() < until; round++) {
    // Of a listing that goes on changing one toast a minute is enough: what comes beyond that is a row.
    const minute = lots.slice(0, 2 + ((round * 3) % lots.length));
    for (const lot of minute) {
      await lower(site.db, lot);
      await setTimeout((60_000 / minute.length) * (0.5 + Math.random() / 2));
    }
  }
  const copper = await lower(site.db, "Copper");
  const [sol, bea] = await Promise.all([
    findActiveUser(site.db, copper.sellerId),
    findUserByEmail(site.db, "bea@demo.test"),
  ]);
  const [listing] = await findListings(site.db, [copper.id]);
  if (!sol || !bea || !listing) throw new Error("The demo has changed.");
  await reserveListing(site.db, sol, listing, { buyerId: bea.id, hours: 48 });
  await lookers[0]?.waitForSelector("#toasts .toast");
  // What was on a screen is told some seconds later.
  await setTimeout(8000);
  for (const page of lookers.slice(1)) await page.goto("/notifications");
}

/** A seller lowers a price a little. @param beginning of the listing's title */
export async function lower(db: Site["db"], beginning: string): Promise<{ id: number; sellerId: number }> {
  const found = await db
    .selectFrom("listings")
    .select(["id", "seller_id as sellerId"])
    .where("title", "like", `${beginning}%`)
    .executeTakeFirstOrThrow();
  const [[listing], seller] = [await findListings(db, [found.id]), await findActiveUser(db, found.sellerId)];
  if (!seller || !listing) throw new Error("The demo has changed.");
  const { title, description, category, quantity, unit, currency, location } = listing;
  const said = { title, description, category, quantity, unit, currency, location };
  await updateListing(db, seller, listing, { ...said, priceMinor: Math.round(listing.priceMinor * 0.97) });
  return found;
}
