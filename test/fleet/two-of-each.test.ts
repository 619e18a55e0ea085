import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { scratchFolder } from "../scratch.ts";
import { named, type SseClient } from "../sse.ts";
import { type Fleet, inboxOf, startFleet } from "./fleet.ts";

let fleet: Fleet;
let temporary: string;

beforeAll(async () => {
  temporary = await scratchFolder("stockbell-fleet");
  fleet = await startFleet(2, 2, { TMPDIR: temporary });
});
afterAll(async () => {
  await fleet.close();
  await rm(temporary, { recursive: true, force: true });
});

test("P-11: two web processes and two workers behave as one: whoever acts where, everybody's streams show the inbox", async () => {
  const { world, webs } = fleet;
  const { sol, rita } = world.cast;
  const listings: ListingView[] = [];
  for (let n = 0; n < 6; n += 1) listings.push(await publishedListing(world.db, n % 2 ? sol : rita));
  const watchers: { person: Viewer; streams: SseClient[] }[] = [];
  for (let n = 0; n < 8; n += 1) {
    const person = await createPerson(world.db, { role: "buyer" });
    for (const listing of listings.filter((_, at) => (at + n) % 3 !== 0))
      await watchListing(world.db, person, listing.id);
    const cookie = await fleet.signIn(webAt(n), person);
    watchers.push({ person, streams: await Promise.all(webs.map((web) => fleet.stream(web, cookie))) });
  }
  const cookies = { [sol.id]: await fleet.signIn(webAt(0), sol), [rita.id]: await fleet.signIn(webAt(1), rita) };
  for (let round = 0; round < 6; round += 1) {
    await Promise.all(
      listings.map((listing, at) => change(listing, webAt(round + at), cookies[listing.sellerId] ?? "")),
    );
  }
  await fleet.allDelivered();
  for (const { person, streams } of watchers) {
    const inbox = await inboxOf(world, person);
    expect(inbox.length).toBe(24);
    expect(inbox.map(({ seq }) => seq)).toEqual(inbox.map((_, at) => at + 1));
    for (const stream of streams) {
      await stream.next(({ event, id }) => event === "toast" && id === String(inbox.length));
      expect(stream.seqs()).toEqual(inbox.map(({ seq }) => seq));
    }
  }
});

/** Withdraws a listing or puts it back on the market, through a web process. */
async function change(listing: ListingView, web: Fleet["webs"][number], cookie: string): Promise<void> {
  const [present] = await findListings(fleet.world.db, [listing.id]);
  const act = present?.status === "withdrawn" ? "relisting" : "withdrawal";
  const answer = await fleet.post(web, `/listings/${listing.id}/${act}`, cookie, { version: String(present?.version) });
  expect(answer.status).toBe(303);
}

test("P-11: what is marked read at one web process shows at the other", async () => {
  const { world, webs } = fleet;
  const listing = await publishedListing(world.db, world.cast.sol);
  await watchListing(world.db, world.cast.bea, listing.id);
  const cookie = await fleet.signIn(webAt(0), world.cast.bea);
  const [, there] = await Promise.all(webs.map((web) => fleet.stream(web, cookie)));
  await change(listing, webAt(1), await fleet.signIn(webAt(1), world.cast.sol));
  const toast = await there?.next(named("toast"));
  expect((await fleet.post(webAt(0), `/notifications/${toast?.id}/read`, cookie)).status).toBe(303);
  await there?.next(({ event, data }) => event === "inbox" && data.includes(`id="notification-${toast?.id}"`));
});

test.runIf(process.platform === "linux")(
  "P-11: nothing of what they did is on the disk: no file is open to be written to, and none was made",
  async () => {
    const processes = [...fleet.webs, ...fleet.workers];
    for (const { pid } of processes) expect(writtenBy(pid)).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
  },
);

/** The files of a disk that a process has open for writing. */
function writtenBy(pid: number): string[] {
  const open = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    const flags = Number.parseInt(
      /flags:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"))?.[1] ?? "",
      8,
    );
    return { file: readlinkSync(`/proc/${pid}/fd/${fd}`), writes: (flags & 3) !== 0 };
  });
  return open.filter(({ file, writes }) => writes && /^\/(?!dev\/)/.test(file)).map(({ file }) => file);
}

function webAt(number: number): Fleet["webs"][number] {
  const web = fleet.webs[number % fleet.webs.length];
  if (!web) throw new Error("there is no web process");
  return web;
}
