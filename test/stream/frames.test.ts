import fc from "fast-check";
import { expect, test } from "vitest";
import { frame, randomRetry, retryFrame } from "../../src/stream/frames.ts";
import { openContext } from "../browser.ts";
import { createParser, type ReceivedEvent } from "../sse.ts";
import { serveBody } from "./serve.ts";

const nasty = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "\r",
        "\n",
        "\r\n",
        "\u2028",
        "\0",
        "\uFEFF",
        " ",
        ":",
        "data: x",
        "event: bye",
        "id: 9",
        "retry: 1",
        "\n\n",
      ),
    ),
  )
  .map((parts) => parts.join(""));

// What a parser may make of line breaks is "\n"; a lone half of a pair has no UTF-8.
function asReceived(text: string): string {
  return text.replace(/\r\n|\r/g, "\n").toWellFormed();
}

function parse(text: string): ReceivedEvent[] {
  const events: ReceivedEvent[] = [];
  createParser((event) => events.push(event))(text);
  return events;
}

test("R-20: whatever people typed, a parser reads back exactly the one event that was sent", () => {
  fc.assert(
    fc.property(nasty, fc.option(fc.nat(), { nil: undefined }), (data, id) => {
      const events = parse(frame("toast", data, id));
      expect(events).toEqual([
        { event: "toast", data: data.replace(/\r\n|\r/g, "\n"), id: id === undefined ? null : String(id) },
      ]);
    }),
    { numRuns: 500 },
  );
});

test("R-20: the browser's own parser reads back exactly the one event that was sent", async () => {
  const samples = [
    ...fc.sample(nasty, { numRuns: 60, seed: 20 }),
    "<p>one\ntwo</p>\n\nevent: signed-out\ndata: x\n\n",
    " leads",
    "",
  ];
  const server = await serveBody(
    "text/event-stream",
    samples.map((text, at) => frame("toast", text, at + 1)).join("") + frame("bye", "end"),
  );
  const page = await (await openContext()).newPage();
  await page.goto(`${server.url}/empty`);
  const received = await page.evaluate(
    () =>
      new Promise<{ data: string; id: string }[]>((resolve) => {
        const got: { data: string; id: string }[] = [];
        const source = new EventSource("/body");
        source.addEventListener("toast", (event) => {
          const { data, lastEventId } = event as MessageEvent;
          got.push({ data, id: lastEventId });
        });
        source.addEventListener("bye", () => {
          source.close();
          resolve(got);
        });
      }),
  );
  expect(received).toEqual(samples.map((text, at) => ({ data: asReceived(text), id: String(at + 1) })));
  await server.close();
});

test("an event without a number leaves the browser's cursor where it is", () => {
  expect(frame("market", "<p></p>")).not.toMatch(/^id/m);
});

test("the data is HTML as it stands, not JSON in quotes", () => {
  expect(parse(frame("toast", '<p class="a">é</p>', 1))[0]?.data).toBe('<p class="a">é</p>');
});

test("browsers are asked to wait a random one to five seconds", () => {
  const waits = Array.from({ length: 50 }, () => Number(/^retry:\s*(\d+)$/m.exec(retryFrame(randomRetry()))?.[1]));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(1000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(5000);
  expect(new Set(waits).size).toBeGreaterThan(20);
});
