import { once } from "node:events";
import { get } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import type { TestProcess } from "../processes.ts";
import { createTelling, type Member, openEar, signedInCrowd } from "./crowd.ts";
import { figuresOf, rssOf } from "./process.ts";
import { FULL, percentile, report, sized } from "./sizes.ts";

const OPENS = sized(10_000, 600);
const AT_ONCE = 20;
/** As fast as they can, they and not the server would be what the others wait for: they share the machine. */
const EACH_SECOND = 400;
const OTHERS = sized(200, 40);
const QUIET_MS = sized(10_000, 1000);
const TOKEN = "a-token-for-the-figures";

let fleet: Fleet;
let web: TestProcess;
let eager: Member;
let first: Member;
let others: Member[];
beforeAll(async () => {
  // With little room for what could be swept up later: V8 else takes it in steps larger than all that is measured.
  const env = { MALLOC_ARENA_MAX: "1", NODE_OPTIONS: "--max-semi-space-size=2" };
  fleet = await startFleet(1, 0, { METRICS_TOKEN: TOKEN, ...env });
  web = fleet.webs[0] as TestProcess;
  [eager, first, ...others] = (await signedInCrowd(fleet.world, OTHERS + 2)) as [Member, Member, ...Member[]];
});
afterAll(() => fleet.close());

test(`S-15: ${OPENS} opens by one person leave 10 streams at the most, next to no memory, and the others' news on time`, async () => {
  const port = Number(new URL(web.url ?? "").port);
  const telling = await createTelling(fleet.world, 5000);
  const told = new Map<string, number>();
  let latencies: number[] = [];
  const ears = others.map(({ id, cookie }) =>
    openEar(port, cookie, 0, (seq) => latencies.push(performance.now() - (told.get(`${id} ${seq}`) ?? 0))),
  );
  await Promise.all(ears.map(({ opened }) => opened));

  // The first round also makes the process's heap as large as it needs to be.
  await openAll(first, []);
  const [quiet, before] = [await tellUntil(() => pause(QUIET_MS)), rssOf(web.pid)];
  const statuses: number[] = [];
  const busy = await tellUntil(() => openAll(eager, statuses));
  const figures = await figuresOf(web.url ?? "", TOKEN);
  const grown = rssOf(web.pid) - before;
  const live = figures("stockbell_streams") - OTHERS - 10;
  for (const ear of ears) ear.close();
  report("S-15", {
    opens: statuses.length,
    "let in": statuses.filter((status) => status === 200).length,
    live,
    "MiB grown": grown,
    "others' p99 before, ms": percentile(quiet, 0.99),
    "and meanwhile": percentile(busy, 0.99),
  });
  expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([]);
  expect(live).toBeLessThanOrEqual(10);
  expect(grown).toBeLessThan(20);
  // Client and server share the machine: the driver's own work is in it, so a floor is allowed for.
  if (FULL) expect(percentile(busy, 0.99)).toBeLessThan(Math.max(1.2 * percentile(quiet, 0.99), 50));

  async function tellUntil(something: () => Promise<unknown>): Promise<number[]> {
    latencies = [];
    let over = false;
    const done = something().finally(() => (over = true));
    while (!over) {
      await telling.tell(
        others.slice(0, 20).map(({ id }) => id),
        1,
        (id, seq) => told.set(`${id} ${seq}`, performance.now()),
      );
      await pause(50);
    }
    await done;
    await pause(200);
    return latencies;
  }
}, 300_000);

/** So many opens, whose streams nobody closes. */
async function openAll({ cookie }: Member, statuses: number[]): Promise<void> {
  const one = async () => {
    while (statuses.length < OPENS) {
      await pause((1000 * AT_ONCE) / EACH_SECOND);
      const request = get(`${web.url}/stream`, { agent: false, headers: { Cookie: cookie } }).on("error", () => {});
      const [response] = await once(request, "response");
      statuses.push(response.statusCode);
      response.on("error", () => {}).resume();
      if (response.statusCode !== 200) request.destroy();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}
