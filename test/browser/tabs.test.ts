import { MessageChannel, type MessagePort } from "node:worker_threads";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FakeSource } from "./fake-source.ts";

type Told = { type: string; name?: string; id?: string; data?: string; state?: string; cursor?: number };
type Asked = { headers: Headers; status: number; text(): Promise<string> };

/** What the tests use of public/tabs.js, which is plain JavaScript for the browser. */
type Tabs = { add(port: MessagePort): void; remove(port: MessagePort): void };

const file = new URL("../../public/tabs.js", import.meta.url).href;
const module = (await import(file)) as { Tabs: new (around: object) => Tabs };

const AT = "2026-03-01T10:00:00.000Z";
const LATER = "2026-03-01T10:00:15.000Z";
let tabs: Tabs;
let asked: string[];
let answer: Asked | null;
let ports: MessagePort[];

beforeEach(() => {
  FakeSource.opened = [];
  [asked, answer, ports] = [[], null, []];
  tabs = new module.Tabs({
    ...{
      EventSource: FakeSource,
      Date,
      Math,
      setTimeout: (run: () => void, ms: number) => setTimeout(run, ms).unref(),
    },
    clearTimeout: (timer: NodeJS.Timeout) => clearTimeout(timer),
    async fetch(url: string) {
      asked.push(url);
      if (!answer) throw new Error("nobody answers");
      return answer;
    },
  });
});
afterEach(() => {
  for (const port of ports) port.close();
});

it("opens one stream for however many tabs, and closes it with the last", async () => {
  const [one, other] = [await openTab(), await openTab()];
  live();
  expect(FakeSource.opened).toHaveLength(1);
  await one.leave();
  expect(stream().readyState).not.toBe(2);
  await other.leave();
  expect(stream().readyState).toBe(2);
});

it("brings an event to all tabs and its toast to one: the visible one that was looked at last", async () => {
  const [first, second, hidden] = [await openTab(), await openTab(), await openTab({ visible: false })];
  live();
  stream().say("toast", "<6>", "6");
  await first.look(true);
  stream().say("toast", "<7>", "7");
  await first.look(false);
  stream().say("toast", "<8>", "8");
  stream().say("market", "<card>");
  await settled();
  expect(first.events()).toEqual(["quiet 6", "toast 7", "quiet 8", "market "]);
  expect(second.events()).toEqual(["toast 6", "quiet 7", "toast 8", "market "]);
  expect(hidden.events()).toEqual(["quiet 6", "quiet 7", "quiet 8", "market "]);
});

it("keeps toasts while nobody looks, for the first tab that is looked at", async () => {
  const [first, second] = [await openTab({ visible: false }), await openTab({ visible: false })];
  live();
  stream().say("toast", "<6>", "6");
  stream().say("toast", "<7>", "7");
  await second.look(true);
  await first.look(true);
  expect(first.events()).toEqual(["quiet 6", "quiet 7"]);
  expect(second.events()).toEqual(["quiet 6", "quiet 7", "late 6", "late 7"]);
});

it("lets go of a toast that waits when its notification has been taken back, and of no other", async () => {
  const first = await openTab({ visible: false });
  live();
  stream().say("toast", "<6>", "6");
  stream().say("toast", "<7>", "7");
  stream().say("inbox", '<i data-gone="6" hx-swap-oob="delete:#toasts"></i>');
  await first.look(true);
  expect(first.events()).toEqual(["quiet 6", "quiet 7", "inbox ", "late 7"]);
});

it("brings a tab that joins up to date from what came lately, without a request and without a second toast", async () => {
  await openTab();
  live();
  stream().say("toast", "<6>", "6");
  stream().say("inbox", "<marks>");
  const joined = await openTab({ start: { cursor: 5, at: LATER } });
  expect(joined.events()).toEqual(["quiet 6", "inbox "]);
  expect(joined.told.find(({ type }) => type === "state")).toMatchObject({ state: "live" });
  expect([FakeSource.opened.length, asked]).toEqual([1, []]);
  stream().say("toast", "<7>", "7");
  await settled();
  expect(joined.events()).toEqual(["quiet 6", "inbox ", "toast 7"]);
});

it("asks the server what a tab has missed whose page is older than what is kept", async () => {
  await openTab({ start: { cursor: 5, at: LATER } });
  live();
  stream().say("toast", "<6>", "6");
  answer = { status: 200, headers: new Headers({ "Stockbell-Cursor": "6" }), text: async () => "<4, 5 and 6>" };
  const joined = await openTab({ start: { cursor: 3, at: AT } });
  expect(asked).toEqual(["/stream/fallback?after=3&since=2026-03-01T10%3A00%3A00.000Z"]);
  expect(joined.told.filter(({ type }) => type === "event")).toMatchObject([{ name: "quiet", data: "<4, 5 and 6>" }]);
});

it("keeps what came since the heartbeats of a minute, not for ever", async () => {
  await openTab();
  live();
  for (let beat = 1; beat <= 10; beat += 1) {
    stream().say("toast", `<${beat}>`, String(5 + beat));
    stream().say("heartbeat", { last: 5 + beat, at: new Date(Date.parse(AT) + beat * 15_000).toISOString() });
  }
  const at = new Date(Date.parse(AT) + 8 * 15_000).toISOString();
  const joined = await openTab({ start: { cursor: 12, at } });
  expect(joined.events()).toEqual(["quiet 12", "quiet 13", "quiet 14", "quiet 15"]);
  expect(asked).toEqual([]);
});

it("tells nothing more to a tab that was told it is signed out, and begins anew with one that joins later", async () => {
  const old = await openTab();
  live();
  stream().say("signed-out", "expired");
  await settled();
  expect(old.told.at(-1)).toMatchObject({ type: "state", state: "signed-out" });
  const before = old.told.length;
  const fresh = await openTab();
  expect(FakeSource.opened).toHaveLength(2);
  live();
  stream().say("toast", "<6>", "6");
  await old.look(true);
  expect(old.told).toHaveLength(before);
  expect(fresh.events()).toEqual(["toast 6"]);
});

it("forgets a tab that is gone, so that no toast is lost in it", async () => {
  const [staying, gone] = [await openTab(), await openTab()];
  live();
  tabs.remove(gone.port);
  stream().say("toast", "<6>", "6");
  await settled();
  expect([staying.events(), gone.events()]).toEqual([["toast 6"], []]);
});

async function openTab({ visible = true, start = { cursor: 5, at: AT } } = {}) {
  const { port1, port2 } = new MessageChannel();
  const told: Told[] = [];
  ports.push(port1, port2);
  port1.on("message", (message) => told.push(message));
  tabs.add(port2);
  port1.postMessage({ type: "join", url: "/stream", reader: "1", start, visible });
  await settled();
  return {
    ...{ told, port: port2 },
    events: () => told.filter(({ type }) => type === "event").map(({ name, id }) => `${name} ${id}`),
    look: (seen: boolean) => say(port1, { type: "look", visible: seen }),
    leave: () => say(port1, { type: "leave" }),
  };
}

async function say(port: MessagePort, request: object): Promise<void> {
  port.postMessage(request);
  await settled();
}

/** Whatever was said to a port before this has been heard after it: a message goes there and back three times. */
async function settled(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    const { port1, port2 } = new MessageChannel();
    await new Promise<void>((resolve) => {
      port2.once("message", () => resolve());
      port1.postMessage("");
    });
    port1.close();
  }
}

function live(): void {
  stream().say("hello", { state: "resumed", replayed: 0, last: 5, user: 1 });
}

function stream(): FakeSource {
  const source = FakeSource.opened.at(-1);
  if (!source) throw new Error("No stream has been opened.");
  return source;
}
