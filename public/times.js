import { afterSwaps } from "./after-swaps.js";
import { serverNow, whenMended } from "./clock.js";

const languages = navigator.languages;
const plain = new Intl.DateTimeFormat(languages, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(languages, { dateStyle: "full", timeStyle: "long" });
const relative = new Intl.RelativeTimeFormat(languages, { numeric: "auto" });
const { locale } = relative.resolvedOptions();
const SECOND = 1000;
const UNITS = [
  ["minute", 60 * SECOND],
  ["hour", 3600 * SECOND],
  ["day", 24 * 3600 * SECOND],
];
// How long ago something came is what its toast and its row say.
const RELATIVE = "[data-relative], .toast-link > time, .inbox-meta > time";
const WEEK = 7 * 24 * 3600 * SECOND;

/** Writes every time of the page in the reader's own language and time zone, now, after swaps, and as time goes by. */
export function writeTimes() {
  writeAll();
  afterSwaps(writeAll);
  whenMended(writeAll);
  document.addEventListener("visibilitychange", () => document.hidden || writeAll());
  setInterval(() => document.hidden || writeAll(), 30 * SECOND);
}

function writeAll() {
  // How old a page without its stream is, to the second, is written by outage.js.
  for (const element of document.querySelectorAll("time[datetime*='T']:not(#outage time)")) write(element);
}

function write(element) {
  const date = new Date(element.dateTime);
  if (Number.isNaN(date.getTime())) return;
  const text = element.matches(RELATIVE) ? fromNow(date) : plain.format(date);
  element.title ||= exact.format(date);
  // The page is in English: what is not is to be read out as what it is.
  if (!locale.startsWith("en")) element.lang = locale;
  if (element.textContent === text) return;
  // The text node stays: in a live region a new one would be read out again.
  if (element.firstChild?.nodeType === Node.TEXT_NODE) element.firstChild.data = text;
  else element.textContent = text;
}

function fromNow(date) {
  const away = date.getTime() - serverNow();
  const size = Math.abs(away);
  if (size >= WEEK) return plain.format(date);
  if (size < 60 * SECOND) return relative.format(0, "second");
  const [unit, length] = UNITS.findLast(([, length]) => size >= length);
  return relative.format(Math.trunc(away / length), unit);
}
