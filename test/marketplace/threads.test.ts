import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { NotFoundError } from "../../src/errors.ts";
import { enquire, reply } from "../../src/marketplace/enquiries.ts";
import { markThreadSeen } from "../../src/marketplace/seen.ts";
import { get, post, signIn } from "../accounts/site.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { createShop, eventsOf, HTMX, jobsOf, now, rowsOf } from "./shop.ts";

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

  test("is written in anew: it comes first in the buyer's list, and in the seller's last but for those answered before", async () => {
    const { db, cast } = shop;
    const { seller, threads, orderOf } = await threadsOfOneSeller(["one", "two", "three"]);
    const [one = 0, two = 0, three = 0] = threads;
    expect(await orderOf(cast.otto)).toEqual([three, two, one]);
    expect(await orderOf(seller)).toEqual([one, two, three]);
    await reply(db, seller, two, "Answered first");
    await reply(db, seller, one, "Answered last");
    expect(await orderOf(cast.otto)).toEqual([one, two, three]);
    expect(await orderOf(seller)).toEqual([three, one, two]);
    await reply(db, cast.otto, two, "And the price?");
    await reply(db, cast.otto, three, "Are you there?");
    expect(await orderOf(seller)).toEqual([three, two, one]);
  });

  test("says to the seller since when somebody waits: since the first message that is not answered, and no longer", async () => {
    const { db, cast } = shop;
    const { seller, threads, listOf } = await threadsOfOneSeller(["Is it dry?"]);
    const [thread = 0] = threads;
    await reply(db, cast.otto, thread, "Hello?");
    const [first] = await db.selectFrom("messages").selectAll().where("enquiry_id", "=", thread).execute();
    const waiting = await listOf(seller);
    expect(waiting).toContain(`Waiting since <time datetime="${first?.sent_at.toISOString()}">`);
    expect(waiting).toContain("To answer");
    expect(await listOf(cast.otto)).not.toMatch(/Waiting since|To answer/);
    await reply(db, seller, thread, "It is.");
    expect(await listOf(seller)).not.toMatch(/Waiting since|To answer/);
    expect(await listOf(cast.otto)).toContain("Answered");
  });

  test("counts as seen up to what was shown, tells that to its author, and never goes back", async () => {
    const { db, cast } = shop;
    const { id } = await thread();
    const second = await reply(db, cast.bea, id, "Still there?");
    await reply(db, cast.bea, id, "Anybody?");
    const [first] = await db.selectFrom("messages").select("id").where("enquiry_id", "=", id).orderBy("id").execute();
    expect(await seenLine(id, cast.bea)).toContain("hidden");
    for (const upTo of [second.id, first?.id ?? 0, second.id]) {
      const answer = await post(shop.app, `/enquiries/${id}/seen`, { upTo: `${upTo}` }, shop.cookieOf(cast.sol), HTMX);
      expect(answer.status).toBe(204);
      expect(await seenLine(id, cast.bea)).toContain(`data-order="${second.id}"`);
    }
    expect(await seenLine(id, cast.bea)).not.toContain("hidden");
    expect(await seenLine(id, cast.sol)).toContain("hidden");
    const told = (await jobsOf(db, "announce_seen")).filter(({ payload }) => payload.enquiryId === id);
    expect(told.map(({ payload }) => payload.readerId)).toEqual([cast.sol.id]);
  });

  test("is not seen by whoever else looks: an admin, its author, or up to what is not there", async () => {
    const { db, cast } = shop;
    const { id } = await thread();
    const path = `/enquiries/${id}/seen`;
    const statuses = [cast.ada, cast.otto, cast.rita, cast.bea].map(
      async (person) => (await post(shop.app, path, { upTo: "999999999" }, shop.cookieOf(person), HTMX)).status,
    );
    expect(await Promise.all(statuses)).toEqual([403, 404, 404, 204]);
    for (const upTo of ["0", "-1", "all", ""]) {
      expect((await post(shop.app, path, { upTo }, shop.cookieOf(cast.sol), HTMX)).status).toBe(422);
    }
    await get(shop.app, `/enquiries/${id}`, shop.cookieOf(cast.sol));
    expect(await seenLine(id, cast.bea)).toContain("hidden");
    await expect(markThreadSeen(db, cast.ada, id, 999_999_999)).rejects.toThrow(NotFoundError);
    await markThreadSeen(db, cast.sol, id, 999_999_999);
    expect(await seenLine(id, cast.bea)).not.toContain("hidden");
  });

  test("is seen by whoever answers, without scripts too", async () => {
    const { id } = await thread();
    await post(shop.app, `/enquiries/${id}/messages`, { message: "Yes." }, shop.cookieOf(shop.cast.sol));
    expect(await seenLine(id, shop.cast.bea)).not.toContain("hidden");
    expect(await seenLine(id, shop.cast.sol)).toContain("hidden");
  });

  async function seenLine(id: number, person: Viewer): Promise<string> {
    const { text } = await get(shop.app, `/enquiries/${id}`, shop.cookieOf(person));
    return new RegExp(`<li class="seen" id="seen-${id}"[^>]*>`).exec(text)?.[0] ?? "";
  }

  /** Otto asks a seller of their own about one listing after the other. */
  async function threadsOfOneSeller(messages: string[]) {
    const { db, cast } = shop;
    const seller = await createPerson(db, { role: "seller" });
    const cookie = await signIn(shop.app, seller);
    const threads: number[] = [];
    for (const message of messages) {
      const { id } = await publishedListing(db, seller);
      threads.push(await enquire(db, cast.otto, id, message));
    }
    const listOf = async (person: Viewer) => {
      const { text } = await get(shop.app, "/enquiries", person === seller ? cookie : shop.cookieOf(person));
      const rows = text.match(/<li class="row" id="thread-row-\d+"[\s\S]*?<\/li>/g) ?? [];
      return rows.filter((row) => threads.some((id) => row.includes(`href="/enquiries/${id}"`))).join("");
    };
    const orderOf = async (person: Viewer) =>
      [...(await listOf(person)).matchAll(/href="\/enquiries\/(\d+)"/g)].map((match) => Number(match[1]));
    return { seller, threads, listOf, orderOf };
  }
});

test("what the release before this one writes is kept up all the same: whose it is, who waits, what was seen", async () => {
  const { db, cast } = shop;
  const listing = await publishedListing(db, cast.rita);
  const { id } = await db
    .insertInto("enquiries")
    .values({ listing_id: listing.id, buyer_id: cast.otto.id })
    .returning("id")
    .executeTakeFirstOrThrow();
  const write = async (author: Viewer, body: string) => {
    await db.insertInto("messages").values({ enquiry_id: id, author_id: author.id, body }).execute();
    return db.selectFrom("enquiries").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  };
  const asked = await write(cast.otto, "Hello?");
  expect(asked).toMatchObject({ seller_id: cast.rita.id, waiting_since: expect.any(Date), seller_seen_id: 0 });
  expect((await write(cast.otto, "Hello!")).waiting_since).toEqual(asked.waiting_since);
  const answered = await write(cast.rita, "Hello.");
  expect(answered).toMatchObject({ waiting_since: null, buyer_seen_id: 0, seller_seen_at: expect.any(Date) });
  const last = await db.selectFrom("messages").select("body").where("id", "=", answered.seller_seen_id).execute();
  expect(last).toEqual([{ body: "Hello!" }]);
});
