import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { enquire, reply } from "../../src/marketplace/enquiries.ts";
import { get, post } from "../accounts/site.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { createShop, eventsOf, HTMX, now, rowsOf } from "./shop.ts";

let shop: Awaited<ReturnType<typeof createShop>>;
beforeAll(async () => {
  shop = await createShop();
});
afterAll(() => shop.close());

describe("a thread", () => {
  async function thread() {
    const { id } = await publishedListing(shop.db, shop.cast.sol);
    return { listingId: id, id: await enquire(shop.db, shop.cast.bea, id, "Hello?") };
  }

  test("is written in by both, and each tells the other", async () => {
    const { id, listingId } = await thread();
    const { bea, sol } = shop.cast;
    for (const person of [sol, bea]) {
      const answer = await post(
        shop.app,
        `/enquiries/${id}/messages`,
        { message: `I am ${person.name}` },
        shop.cookieOf(person),
      );
      expect(answer.status).toBe(303);
      expect(answer.headers.location).toMatch(new RegExp(`^/enquiries/${id}#message-\\d+$`));
      expect((await eventsOf(shop.db, listingId)).at(-1)).toMatchObject({
        kind: "enquiry_replied",
        actorId: person.id,
        data: { buyerId: bea.id, sellerId: sol.id, authorName: person.name, excerpt: `I am ${person.name}` },
      });
    }
  });

  test("answers htmx with the new message alone and an empty box", async () => {
    const { id } = await thread();
    const { status, text } = await post(
      shop.app,
      `/enquiries/${id}/messages`,
      { message: "<b>bold</b> 🛎️" },
      shop.cookieOf(shop.cast.sol),
      HTMX,
    );
    expect(status).toBe(200);
    expect(text.match(/<li class="message"/g)).toHaveLength(1);
    expect(text).toContain('data-mine="true"');
    expect(text).toContain("&lt;b&gt;bold&lt;/b&gt; 🛎️");
    expect(text).toContain(`id="message-form-${id}"`);
    expect(text).toMatch(/<textarea[^>]*>\s*<\/textarea>/);
  });

  test("shows a message that cannot be sent again, in the form and nowhere else", async () => {
    const { id } = await thread();
    const long = "z".repeat(4001);
    const answer = await post(
      shop.app,
      `/enquiries/${id}/messages`,
      { message: long },
      shop.cookieOf(shop.cast.sol),
      HTMX,
    );
    expect([answer.status, answer.headers["hx-retarget"], answer.headers["hx-reswap"]]).toEqual([
      422,
      `#message-form-${id}`,
      "outerHTML",
    ]);
    expect(answer.text).toContain(long);
    const page = await post(shop.app, `/enquiries/${id}/messages`, { message: "" }, shop.cookieOf(shop.cast.sol));
    expect(page.status).toBe(422);
    expect(page.text).toContain("Hello?");
    expect(page.text).toContain(">Enter a message.");
  });

  test("is there for its two people and admins; for everybody else it is like one that is not", async () => {
    const { id } = await thread();
    const { bea, sol, ada, otto, rita } = shop.cast;
    for (const person of [bea, sol, ada]) {
      const { status, text } = await get(shop.app, `/enquiries/${id}`, shop.cookieOf(person));
      expect([person.name, status]).toEqual([person.name, 200]);
      expect(text).toContain("Hello?");
    }
    const messages = await rowsOf(shop.db, "messages");
    for (const person of [otto, rita]) {
      const cookie = shop.cookieOf(person);
      const [foreign, missing] = [
        await get(shop.app, `/enquiries/${id}`, cookie),
        await get(shop.app, "/enquiries/987654", cookie),
      ];
      expect([foreign.status, missing.status]).toEqual([404, 404]);
      expect(foreign.text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "")).toBe(
        missing.text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, ""),
      );
      expect((await post(shop.app, `/enquiries/${id}/messages`, { message: "Me too" }, cookie)).status).toBe(404);
      expect((await get(shop.app, "/enquiries", cookie)).text).not.toContain(`/enquiries/${id}"`);
    }
    expect(
      (await post(shop.app, `/enquiries/${id}/messages`, { message: "From above" }, shop.cookieOf(ada))).status,
    ).toBe(403);
    expect(await rowsOf(shop.db, "messages")).toEqual(messages);
  });

  test("with many messages shows the newest and leads to the earlier ones", async () => {
    const { id, listingId } = await thread();
    const { bea } = shop.cast;
    const rows = Array.from({ length: 120 }, (_, number) => ({
      enquiry_id: id,
      author_id: bea.id,
      body: `Line ${number}.`,
    }));
    await shop.db.insertInto("messages").values(rows).execute();
    const newest = await get(shop.app, `/enquiries/${id}`, shop.cookieOf(bea));
    expect(newest.text).toContain("Line 119.");
    expect(newest.text).not.toContain("Line 19.");
    const earlier = /href="(\/enquiries\/\d+\?before=\d+)"/.exec(newest.text)?.[1] ?? "";
    const { text } = await get(shop.app, earlier, shop.cookieOf(bea));
    expect(text).toContain("Hello?");
    expect(text).toContain("Line 19.");
    expect(text).not.toContain("Line 20.");
    expect(await now(shop.db, listingId)).toMatchObject({ status: "available" });
  });

  test("comes first in the list when something new is in it", async () => {
    const buyer = await createPerson(shop.db, { role: "buyer" });
    const listings = [await publishedListing(shop.db, shop.cast.rita), await publishedListing(shop.db, shop.cast.rita)];
    const threads: number[] = [];
    for (const { id } of listings) threads.push(await enquire(shop.db, buyer, id, "First"));
    await reply(shop.db, shop.cast.rita, threads[0] ?? 0, "Latest words");
    const { text } = await get(shop.app, "/enquiries", shop.cookieOf(shop.cast.rita));
    const order = [...text.matchAll(/href="\/enquiries\/(\d+)"/g)].map((match) => Number(match[1]));
    expect(order.slice(0, 2)).toEqual(threads);
    expect(text).toContain("You: Latest words");
  });
});
