import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { recordEvent } from "../../src/events/record.ts";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { publishedListing } from "../cast.ts";
import { startProxy } from "../faults/proxy.ts";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import { until } from "../processes.ts";
import { type AtBrowser, atBrowser, live, rememberToasts, toastsShown } from "./people.ts";

let fleet: Fleet;
let line: Awaited<ReturnType<typeof startProxy>>;
let listing: ListingView;
let bea: AtBrowser;

beforeAll(async () => {
  fleet = await startFleet(1, 1);
  const { db, cast } = fleet.world;
  line = await startProxy(() => fleet.webs.map(({ url }) => Number(new URL(url ?? "").port)));
  listing = await publishedListing(db, cast.sol);
  await watchListing(db, cast.bea, listing.id);
  await fleet.allDelivered();
  bea = await atBrowser(line.url, cast.bea);
  await rememberToasts(bea.context);
});
afterAll(async () => {
  await line.close();
  await fleet.close();
});

test("U-16: what was missed while the network was away comes as one summary, each number once, and the page says so", async () => {
  const { page } = bea;
  await page.goto("/listings");
  await live(page);
  line.refuse(true);
  line.cut();
  for (let n = 0; n < 5; n += 1) await happen();
  await fleet.allDelivered();
  // So long that it is worth telling, which a shorter drop is not: the page waits, and so does this.
  await page.waitForSelector("#outage button", { timeout: 8000 });
  line.refuse(false);
  await page.click("#outage button");
  await live(page);
  await page.waitForSelector('#connection[data-back] [data-for="back"]:has-text("5 missed, all here")');
  expect(await toastsShown([page])).toEqual(["5"]);
  expect(await page.textContent("#toasts > .toast")).toContain("5");
  expect(await page.getAttribute("#badge", "data-count")).toBe("5");
});

test("a sleep that the worker sleeps too ends with everything there: what came meanwhile, and the stream", async () => {
  const { page } = bea;
  await page.goto("/listings");
  await live(page);
  const shown = (await toastsShown([page])).length;
  const sleeper = await attachToWorker(page);
  await sleeper.say("Debugger.enable");
  await sleeper.say("Debugger.pause");
  line.cut();
  await happen();
  await happen();
  await fleet.allDelivered();
  await sleeper.say("Debugger.resume");
  await page.waitForSelector('#badge[data-count="7"]', { state: "attached" });
  await live(page);
  await until(async () => (await toastsShown([page])).length === shown + 2);
  await sleeper.leave();
});

test("when its worker dies the page takes another, and misses nothing", async () => {
  const { page } = bea;
  await page.goto("/listings");
  await live(page);
  const before = Number(await page.getAttribute("#badge", "data-count"));
  const worker = await attachToWorker(page);
  await worker.close();
  await happen();
  await page.waitForSelector(`#badge[data-count="${before + 1}"]`, { state: "attached" });
});

test("the server is killed and started again while a form is half filled: what was typed stays, and can be sent", async () => {
  const { page } = bea;
  const { db, cast } = fleet.world;
  await page.goto(`/listings/${listing.id}`);
  await live(page);
  const question = page.getByLabel("Message");
  await question.fill("Is the copper still wet?");
  await question.press("Home");
  await fleet.webs.shift()?.stop("SIGKILL");
  const [present] = await findListings(db, [listing.id]);
  if (present) await reserveListing(db, cast.sol, present, { buyerId: cast.otto.id, hours: 1 });
  await fleet.startWeb();
  await page.waitForSelector(`#facts-${listing.id}[data-status="reserved"]`, { timeout: 20_000 });
  await live(page);
  expect(await question.inputValue()).toBe("Is the copper still wet?");
  expect(await question.evaluate((field) => field.ownerDocument.activeElement === field)).toBe(true);
  await question.press("End");
  await page.keyboard.type(" Please tell.");
  await page.getByRole("button", { name: "Send enquiry" }).click();
  await page.waitForSelector("text=Sent. The answer will ring here.");
  const stored = await db.selectFrom("messages").select("body").execute();
  expect(stored).toEqual([{ body: "Is the copper still wet? Please tell." }]);
});

async function happen(): Promise<void> {
  const { db, cast } = fleet.world;
  const data = { title: listing.title, sellerId: cast.sol.id, buyerId: null };
  const event = { kind: "listing_withdrawn", actorId: cast.sol.id, listingId: listing.id, data } as const;
  await db.transaction().execute((trx) => recordEvent(trx, event));
}

/** The SharedWorker of a page's browser, by the debugger. */
async function attachToWorker(page: Page) {
  const browser = page.context().browser();
  if (!browser) throw new Error("The page is of no browser.");
  const session = await browser.newBrowserCDPSession();
  const { targetInfos } = await session.send("Target.getTargets");
  const target = targetInfos.find(({ type, url }) => type === "shared_worker" && url.startsWith(line.url));
  if (!target) throw new Error("There is no SharedWorker.");
  const { targetId } = target;
  const { sessionId } = await session.send("Target.attachToTarget", { targetId, flatten: false });
  let said = 0;
  return {
    async say(method: string): Promise<void> {
      said += 1;
      const answered = answerTo(said);
      await session.send("Target.sendMessageToTarget", { sessionId, message: JSON.stringify({ id: said, method }) });
      await answered;
    },
    close: () => session.send("Target.closeTarget", { targetId }),
    leave: () => session.detach(),
  };

  function answerTo(id: number): Promise<void> {
    return new Promise((resolve) => {
      session.on("Target.receivedMessageFromTarget", ({ message }) => JSON.parse(message).id === id && resolve());
    });
  }
}
