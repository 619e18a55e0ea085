import { join } from "node:path";
import type { Request, Response } from "express";
import { asset, sendMarkup } from "./assets.ts";
import { pictureOf } from "./scenes.ts";
import { createTemplates } from "./templates.ts";

const templates = createTemplates(
  join(import.meta.dirname, "../views"),
  process.env.NODE_ENV === "production" || !process.execArgv.includes("--watch"),
);

/** How a reader wants prices, numbers and times written. Made once for each locale and kept. */
export type Format = ReturnType<typeof createFormat>;

/**
 * Renders a template of views/ with the reader's formats; the same for pages, htmx answers, live pushes and catch-up.
 * @param view the template's path under views/, without its ending
 * @param locale a BCP 47 tag such as "en-GB"; see localeOf
 */
export function render(view: string, locale: string, data: object): string {
  return templates.render(`/${view}`, { ...formatFor(locale), asset, pictureOf, ...data });
}

/** Text as the templates write it. */
export function escaped(text: string): string {
  return templates.config.escapeFunction(text);
}

/** Answers with a whole page: the reader, the badge and the cursor it was rendered with come along. */
export function sendPage(req: Request, res: Response, view: string, data: object = {}, status = 200): void {
  const page = { viewer: req.user ?? null, unseen: 0, cursor: 0, path: req.path, renderedAt: new Date().toISOString() };
  res.status(status).set("Cache-Control", "no-store").vary("HX-Request");
  sendMarkup(req, res, render(view, localeOf(req), { ...page, ...res.locals, ...data }));
}

/** Answers htmx with a fragment: the markup that the page holds, without the page. */
export function sendFragment(req: Request, res: Response, view: string, data: object = {}, status = 200): void {
  res.status(status).set("Cache-Control", "no-store").vary("HX-Request");
  sendMarkup(req, res, render(view, localeOf(req), { viewer: req.user ?? null, path: req.path, ...data }));
}

/** Whether htmx asks, and a fragment is wanted instead of a page or a redirect. */
export function wantsFragment(req: Request): boolean {
  return req.get("HX-Request") === "true";
}

/** The first locale of Accept-Language that Intl knows, else en-GB. */
export function localeOf(req: { headers: Request["headers"] }): string {
  const asked = req.headers["accept-language"]?.slice(0, 100).split(",") ?? [];
  for (const entry of asked) {
    const tag = entry.split(";")[0]?.trim() ?? "";
    if (/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(tag) && known(tag)) return tag;
  }
  return "en-GB";
}

const MINUTE = 60_000;
const formats = new Map<string, Format>();

/** The formats of a locale, made once and kept. */
export function formatFor(locale: string): Format {
  const found = formats.get(locale);
  if (found) return found;
  const made = createFormat(locale);
  if (formats.size < 200) formats.set(locale, made);
  return made;
}

function createFormat(locale: string) {
  const numbers = new Intl.NumberFormat(locale);
  const percents = new Intl.NumberFormat(locale, {
    style: "percent",
    maximumFractionDigits: 1,
    signDisplay: "exceptZero",
  });
  const dates = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  const currencies = new Map<string, Intl.NumberFormat>();
  let said = { minute: Number.NaN, text: "" };
  return {
    /** What a page is written in, whoever reads it: only numbers, prices and times are in the reader's own. */
    lang: new Intl.Locale(locale).language === "en" ? locale : "en-GB",
    number: (value: number) => numbers.format(value),
    /** @param share a change, such as -0.04 for four per cent less; said with its sign */
    percent: (share: number) => percents.format(share),
    /** UTC, until the page's script writes it in the reader's own time zone. */
    dateTime(date: Date | string) {
      const at = new Date(date).getTime();
      const minute = Math.floor(at / MINUTE);
      // A fragment says the same time several times over, and what is told now has happened in this minute.
      if (minute !== said.minute) said = { minute, text: `${dates.format(at)} UTC` };
      return said.text;
    },
    /** @param minor an amount in the currency's minor units: 1999 GBP is £19.99 */
    money(minor: number, currency: string) {
      const format = currencies.get(currency) ?? new Intl.NumberFormat(locale, { style: "currency", currency });
      currencies.set(currency, format);
      return format.format(minor / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
    },
  };
}

function known(tag: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf([tag]).length > 0;
  } catch {
    // It looks like a tag and is none, such as "en-12".
    return false;
  }
}
