import { expect, test } from "vitest";
import type { EventKind } from "../../src/events/catalogue.ts";
import { happenedIn, interrupting, kinds, urgent } from "../../src/notifications/kinds.ts";
import { reasonsFor } from "../../src/notifications/reasons.ts";
import { AT, BY_THE_CLOCK, NAMES, TALK, toastOf, told } from "./examples.ts";

test("U-11: every kind that anybody hears of is tried here, for every role and reason", () => {
  expect(new Set(told.map(([kind]) => kind)).size).toBe(Object.keys(kinds).length - 1);
  expect(kinds.listing_published.audience).toEqual([]);
  for (const [, role, reason] of told) expect(reasonsFor(role)).toContain(reason);
});

test.each(told)(
  "U-11: %s to a %s (%s): who did what to which thing and when, and all of it leads there",
  (kind, _role, reason) => {
    const html = toastOf(kind, reason);
    const [, link = "", inside = ""] = /<a class="toast-link" href="([^"]+)"[^>]*>(.*)<\/a>/s.exec(html) ?? [];
    const own = kind === "announcement" ? "/notifications/9" : null;
    expect(link).toBe(own ?? (TALK.includes(kind) ? "/enquiries/4" : "/listings/1"));
    const [, headline = ""] = /<span class="toast-text">([^<]+)<\/span>/.exec(inside) ?? [];
    const others = own ? /^Stockbell announces: / : /^(Serrano Metals|Sol Serrano) /;
    const who = BY_THE_CLOCK.includes(kind) ? /^(Your|The) reservation/ : others;
    expect(headline).toMatch(who);
    expect(headline).toContain(NAMES.title);
    expect(headline).not.toMatch(/_|\bundefined\b|\bnull\b|[.!]$/);
    expect(inside).toContain(`<time datetime="${AT.toISOString()}">`);
    expect(html.match(/<a /g)).toHaveLength(1);
  },
);

test.each(told)("U-01: %s to a %s (%s) waits its turn to be read out", (kind, _role, reason) => {
  const html = toastOf(kind, reason);
  expect(html).not.toMatch(/assertive|role="alert"|#alerts/);
  expect(html.includes("data-keep")).toBe(urgent.includes(kind));
});

test("U-01: what may interrupt is a short list, and stays until it is dismissed", () => {
  expect(interrupting).toEqual([]);
  expect(urgent).toEqual(["reservation_ending"]);
});

test("the log says what happened in words of its own for every kind, in words that people use", () => {
  const words = Object.keys(kinds).map((kind) => happenedIn(kind as EventKind));
  expect(new Set(words).size).toBe(words.length);
  for (const word of words) expect(word).toMatch(/^[A-Z][a-z ]+$/);
});
