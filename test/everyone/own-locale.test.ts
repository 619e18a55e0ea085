import { afterAll, beforeAll, expect, test } from "vitest";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { publishedListing } from "../cast.ts";
import { atBrowser, live } from "../journey/people.ts";
import { letPass } from "../marketplace/shop.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";

let world: World;
let server: TestServer;
beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

const readers = [
  {
    locale: "de-DE",
    zone: "Europe/Berlin",
    price: "8.620,50 €",
    quantity: "1.200",
    left: "2 Tage 1 Std.",
    ago: "jetzt",
  },
  { locale: "ja-JP", zone: "Asia/Tokyo", price: "€8,620.50", quantity: "1,200", left: "2 日 1 時間", ago: "今" },
];

test.each(readers)(
  "prices, numbers, times and units are those of $locale in $zone, on the page and in what is pushed, and the rest is English",
  async ({ locale, zone, price, quantity, left, ago }) => {
    const { db, cast } = world;
    const listing = await publishedListing(db, cast.sol, { priceMinor: 8_620_50, quantity: 1200 });
    await world.drain();
    const { page, context } = await atBrowser(server.url, cast.bea, { locale, timezoneId: zone });
    // A browser says the same of its languages in a worker, but not one that only pretends to be in another country.
    await context.addInitScript("delete window.SharedWorker");
    await page.goto(`/listings/${listing.id}`);
    await live(page);
    expect(await page.getAttribute("html", "lang")).toBe("en-GB");
    await reserveListing(db, cast.sol, listing, { buyerId: cast.bea.id, hours: 50 });
    await letPass(db, listing.id, 0.5);
    await world.drain();
    await page.waitForSelector(`#facts-${listing.id}[data-status=reserved]`);
    expect(plain(await page.innerText(".price"))).toContain(price);
    expect(plain(await page.innerText(".facts"))).toContain(quantity);
    expect(plain(await page.innerText(".countdown-left"))).toBe(`${left} left`);
    const end = page.locator(".countdown-end time");
    const at = new Date((await end.getAttribute("datetime")) ?? "");
    const written = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short", timeZone: zone });
    expect(plain(await end.innerText())).toBe(plain(written.format(at)));
    const told = page.locator(".toast-link > time");
    expect(await told.innerText()).toBe(ago);
    expect(await told.getAttribute("lang")).toBe(locale);
    expect(await page.innerText(".toast-text")).toBe(`Serrano Metals reserved ${listing.title} for you`);
    await context.close();
  },
);

/** Whichever kind of space a version of Unicode's data has. */
function plain(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
