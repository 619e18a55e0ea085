import { afterAll, beforeAll, expect, test } from "vitest";
import { type Ask, ask, fragments, pages } from "../../tour/asks.ts";
import { faultsIn } from "../../tour/markup.ts";
import { signIn } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";

let world: World;
let server: TestServer;
const cookies = new Map<string, Promise<string>>();

beforeAll(async () => {
  world = await createWorld({ demo: true });
  server = await serve(world);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

function cookieOf(person: string): Promise<string> {
  const cookie = cookies.get(person) ?? signIn(server.url, { email: `${person}@demo.test` });
  cookies.set(person, cookie);
  return cookie;
}

async function faultsOf(asks: Ask[]): Promise<string[]> {
  const faults: string[] = [];
  for (const asked of asks) {
    const { status, html } = await ask({ url: server.url, cookieOf }, asked);
    expect(status, asked.path).toBeLessThan(500);
    if (html) faults.push(...(await faultsIn(html)).map((fault) => `${asked.who} ${asked.path}: ${fault}`));
  }
  return faults;
}

test("every page of the demo is valid HTML", async () => {
  expect(await faultsOf(pages)).toEqual([]);
});

test("every answer to htmx is valid HTML, refusals and what comes live included", async () => {
  expect(await faultsOf(fragments)).toEqual([]);
});

test("a page and a fragment that are not valid are found out", async () => {
  expect(
    await faultsIn(
      "<!doctype html><html lang='en'><head><title>A</title></head><body><p><div>a</div></p></body></html>",
    ),
  ).not.toEqual([]);
  expect(await faultsIn('<article id="a"><h3>a</h4></article>')).not.toEqual([]);
});
