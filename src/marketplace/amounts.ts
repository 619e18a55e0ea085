import { z } from "zod";
import { type Currency, currencies } from "./choices.ts";

const MOST_DIGITS = 12;
const MOST_UNITS = 1_000_000_000;
const TOO_FEW = "Enter a quantity of 1 or more.";
const TOO_MANY = "Enter a quantity of 1,000,000,000 at the most.";
const NOT_WHOLE = "Enter the quantity as a whole number, such as 1200.";
// Digits with or without groups of three, and a point before decimals. "1.250,50" and "1,25" could mean two things, so
// they are asked about and never guessed.
const DECIMAL = /^(-?)(\d+|\d{1,3}(?:[,'\s]\d{3})+)(?:\.(\d+))?$/;

/**
 * A price as people type it ("1,250.50"), in minor units of the currency.
 * @param currency null where that was wrong, too: then the price is checked as far as it can be
 */
export function price(currency: Currency | null) {
  return z.string({ error: "Enter a price." }).transform((typed, context): number => {
    const decimals = currency === null ? 4 : currencies[currency];
    const parts = partsOf(typed);
    if (typeof parts === "string") return refuse(context, parts === "" ? "Enter a price." : priceProblem(parts));
    if (parts.fraction.length > decimals) return refuse(context, tooFine(currency ?? "This currency", decimals));
    return Number(parts.whole + parts.fraction.padEnd(decimals, "0"));
  });
}

/** A whole number of units as people type it ("1,200"), from 1 to a thousand million. */
export function quantity() {
  return z.string({ error: "Enter a quantity." }).transform((typed, context): number => {
    const parts = partsOf(typed);
    if (parts === "") return refuse(context, "Enter a quantity.");
    if (parts === "negative") return refuse(context, TOO_FEW);
    if (parts === "too much") return refuse(context, TOO_MANY);
    if (parts === "unreadable" || parts.fraction) return refuse(context, NOT_WHOLE);
    const count = Number(parts.whole);
    if (count < 1) return refuse(context, TOO_FEW);
    return count > MOST_UNITS ? refuse(context, TOO_MANY) : count;
  });
}

/** An amount as it stands in a form field: 125050 GBP is "1250.50". */
export function decimalOf(minor: number, currency: string): string {
  return (minor / 10 ** decimalsOf(currency)).toFixed(decimalsOf(currency));
}

function decimalsOf(currency: string): number {
  return currencies[currency as Currency] ?? 2;
}

type Problem = "" | "unreadable" | "negative" | "too much";

function partsOf(typed: string): { whole: string; fraction: string } | Problem {
  const text = typed.replaceAll("\u0000", "").trim();
  if (text === "") return "";
  const [matched, minus, digits = "", fraction = ""] = DECIMAL.exec(text) ?? [];
  if (matched === undefined) return "unreadable";
  if (minus) return "negative";
  const whole = digits.replace(/\D/g, "").replace(/^0+(?=\d)/, "");
  return whole.length > MOST_DIGITS ? "too much" : { whole, fraction };
}

function priceProblem(problem: Problem): string {
  if (problem === "negative") return "Enter a price of 0 or more.";
  if (problem === "too much") return "Enter a price below 1,000,000,000,000.";
  return "Enter the price as a number with a point before decimals, such as 1250.50.";
}

function tooFine(currency: string, decimals: number): string {
  if (decimals === 0) return `${currency} has no decimals: enter a whole number.`;
  return `${currency} has ${decimals} decimals: enter no more than that.`;
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: "custom", message });
  return z.NEVER;
}
