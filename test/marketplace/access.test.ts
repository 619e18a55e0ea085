import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Access, allow } from "../../src/access.ts";
import { homeRoutes } from "../../src/home.ts";
import { enquire } from "../../src/marketplace/enquiries.ts";
import { marketplaceRoutes } from "../../src/marketplace/routes.ts";
import { get, OWN, post } from "../accounts/site.ts";
import { publishedListing } from "../cast.ts";
import { createShop, rowsOf } from "./shop.ts";

type Who = "nobody" | "bea" | "otto" | "sol" | "rita" | "ada";
type Row = Record<Who, number>;

const everybody: Row = { nobody: 303, bea: 200, otto: 200, sol: 200, rita: 200, ada: 200 };
const keepers: Row = { nobody: 303, bea: 403, otto: 403, sol: 303, rita: 404, ada: 303 };
const buyers: Row = { nobody: 303, bea: 303, otto: 303, sol: 403, rita: 403, ada: 403 };

// Every route with what each of the cast gets for Sol's listing about which Bea has asked.
const routes: Record<string, Row> = {
  "GET /listings": everybody,
  "GET /listings/new": { ...everybody, bea: 403, otto: 403, ada: 403 },
  "POST /listings": { nobody: 303, bea: 403, otto: 403, sol: 422, rita: 422, ada: 403 },
  "GET /listings/:id": everybody,
  "GET /listings/:id/edit": { nobody: 303, bea: 403, otto: 403, sol: 200, rita: 404, ada: 200 },
  "POST /listings/:id": { nobody: 303, bea: 403, otto: 403, sol: 422, rita: 404, ada: 422 },
  "POST /listings/:id/reservation": { ...keepers, sol: 422, ada: 422 },
  "POST /listings/:id/extension": { ...keepers, sol: 409, ada: 409 },
  "POST /listings/:id/release": { ...keepers, sol: 409, ada: 409 },
  "POST /listings/:id/sale": { ...keepers, sol: 409, ada: 409 },
  "POST /listings/:id/withdrawal": keepers,
  "POST /listings/:id/relisting": { ...keepers, sol: 409, ada: 409 },
  "POST /listings/:id/watch": buyers,
  "POST /listings/:id/unwatch": buyers,
  "POST /listings/:id/enquiries": { ...buyers, bea: 422, otto: 422 },
  "GET /enquiries": everybody,
  "GET /enquiries/:thread": { ...everybody, otto: 404, rita: 404 },
  "POST /enquiries/:thread/messages": { nobody: 303, bea: 422, otto: 404, sol: 422, rita: 404, ada: 403 },
  "POST /enquiries/:thread/seen": { nobody: 303, bea: 422, otto: 404, sol: 422, rita: 404, ada: 403 },
};

let shop: Awaited<ReturnType<typeof createShop>>;
beforeAll(async () => {
  shop = await createShop();
});
afterAll(() => shop.close());

async function ask(route: string, who: Who) {
  const { db, cast, app, cookieOf } = shop;
  const listing = await publishedListing(db, cast.sol);
  const thread = await enquire(db, cast.bea, listing.id, "Hello?");
  const [method, pattern = ""] = route.split(" ");
  const path = pattern.replace(":id", String(listing.id)).replace(":thread", String(thread));
  const cookie = who === "nobody" ? "" : cookieOf(cast[who]);
  return method === "GET" ? get(app, path, cookie) : post(app, path, { version: "1" }, cookie);
}

describe("S-08: each of the cast gets at each route what the table says:", () => {
  test.each(Object.keys(routes))("%s", async (route) => {
    const got: Partial<Row> = {};
    for (const who of Object.keys(everybody) as Who[]) got[who] = (await ask(route, who)).status;
    expect(got).toEqual(routes[route]);
  });

  test("the table has every route that the marketplace has, and each says who may use it", () => {
    const found = layersOf(marketplaceRoutes(shop.db)).map(({ method, path, first }) => {
      expect([method, path, (first as { access?: Access[] }).access]).toEqual([method, path, expect.any(Array)]);
      return `${method} ${path.replace("/enquiries/:id", "/enquiries/:thread")}`;
    });
    expect(found.sort()).toEqual(Object.keys(routes).sort());
    const [home] = layersOf(homeRoutes(shop.db));
    expect(home?.first).toHaveProperty("access", allow("anyone").access);
  });
});

type Layer = { route?: { path: string; methods: Record<string, boolean>; stack: { handle: unknown }[] } };

function layersOf(router: { stack: unknown[] }) {
  return (router.stack as Layer[]).flatMap(({ route }) =>
    route
      ? Object.keys(route.methods).map((method) => ({
          method: method.toUpperCase(),
          path: route.path,
          first: route.stack[0]?.handle,
        }))
      : [],
  );
}

test("somebody signed out is led to the sign-in and back, and htmx is told so without a redirect", async () => {
  const page = await get(shop.app, "/listings?q=steel");
  expect(page.headers.location).toBe("/sign-in?next=%2Flistings%3Fq%3Dsteel");
  const fragment = await post(shop.app, "/listings/1/watch", {}, "", { ...OWN, "HX-Request": "true" });
  expect([fragment.status, fragment.headers.location]).toEqual([401, undefined]);
});

test("S-03: what comes from another site changes nothing", async () => {
  const before = await rowsOf(shop.db, "listings");
  const events = await rowsOf(shop.db, "events");
  const listing = await publishedListing(shop.db, shop.cast.sol);
  const known = [...before, ...(await rowsOf(shop.db, "listings")).slice(before.length)];
  for (const headers of [{}, { "Sec-Fetch-Site": "cross-site" }, { Origin: "https://evil.example" }]) {
    const answer = await post(
      shop.app,
      `/listings/${listing.id}/withdrawal`,
      { version: "1" },
      shop.cookieOf(shop.cast.sol),
      headers,
    );
    expect(answer.status).toBe(403);
  }
  expect(await rowsOf(shop.db, "listings")).toEqual(known);
  expect(await rowsOf(shop.db, "events")).toHaveLength(events.length + 1);
});

test.each(["0", "-1", "1.5", "abc", "9".repeat(30), "%00", "1%20or%201=1", "__proto__"])(
  "no listing has the number %s",
  async (id) => {
    for (const path of [`/listings/${id}`, `/enquiries/${id}`, `/listings/${id}/edit`]) {
      expect((await get(shop.app, path, shop.cookieOf(shop.cast.sol))).status).toBe(404);
    }
  },
);
