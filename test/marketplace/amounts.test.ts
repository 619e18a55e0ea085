import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decimalOf, price, quantity } from "../../src/marketplace/amounts.ts";
import { type Currency, currencies } from "../../src/marketplace/choices.ts";

describe("a price", () => {
  test.each([
    ["1,250.50", "EUR", 125_050],
    ["1250.5", "EUR", 125_050],
    [" 1 250.50 ", "EUR", 125_050],
    ["1'250.50", "CHF", 125_050],
    ["1250", "JPY", 1250],
    ["0", "GBP", 0],
    ["0.07", "USD", 7],
    ["007", "EUR", 700],
    ["999,999,999,999.99", "SEK", 99_999_999_999_999],
  ] as const)("typed as %j in %s is %i minor units", (typed, code, minor) => {
    expect(price(code).parse(typed)).toBe(minor);
  });

  test.each([
    ["", "EUR", "Enter a price."],
    ["  ", "EUR", "Enter a price."],
    ["\u0000", "EUR", "Enter a price."],
    ["-5", "EUR", "Enter a price of 0 or more."],
    ["12.345", "EUR", "EUR has 2 decimals: enter no more than that."],
    ["12.5", "JPY", "JPY has no decimals: enter a whole number."],
    ["1000000000000", "EUR", "Enter a price below 1,000,000,000,000."],
    ["9".repeat(400), "EUR", "Enter a price below 1,000,000,000,000."],
    ["1.250,50", "EUR", "Enter the price as a number with a point before decimals, such as 1250.50."],
    ["1,25", "EUR", "Enter the price as a number with a point before decimals, such as 1250.50."],
    ["1e5", "EUR", "Enter the price as a number with a point before decimals, such as 1250.50."],
    ["0x10", "EUR", "Enter the price as a number with a point before decimals, such as 1250.50."],
    ["Infinity", "EUR", "Enter the price as a number with a point before decimals, such as 1250.50."],
    ["€5", "EUR", "Enter the price as a number with a point before decimals, such as 1250.50."],
    ["٣", "EUR", "Enter the price as a number with a point before decimals, such as 1250.50."],
    ["5.", "EUR", "Enter the price as a number with a point before decimals, such as 1250.50."],
  ] as const)("typed as %j in %s is refused", (typed, code, message) => {
    expect(price(code).safeParse(typed).error?.issues[0]?.message).toBe(message);
  });

  test("is the same after it has been shown in a form and sent back", () => {
    const minor = fc.integer({ min: 0, max: 99_999_999_999_999 });
    const code = fc.constantFrom(...(Object.keys(currencies) as Currency[]).filter((name) => name !== "JPY"));
    fc.assert(fc.property(minor, code, (amount, name) => price(name).parse(decimalOf(amount, name)) === amount));
    expect(price("JPY").parse(decimalOf(1250, "JPY"))).toBe(1250);
  });

  test("is a whole number of minor units or a message, whatever is typed", () => {
    const typed = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(..."0123456789., '-") }));
    fc.assert(
      fc.property(typed, (text) => {
        const { data, error } = price("EUR").safeParse(text);
        return error ? error.issues[0]?.message !== "" : Number.isSafeInteger(data) && data >= 0;
      }),
    );
  });
});

describe("a quantity", () => {
  test.each([
    ["1", 1],
    ["1,200", 1200],
    ["1000000000", 1_000_000_000],
  ])("typed as %j is %i", (typed, count) => {
    expect(quantity().parse(typed)).toBe(count);
  });

  test.each([
    ["", "Enter a quantity."],
    ["0", "Enter a quantity of 1 or more."],
    ["-4", "Enter a quantity of 1 or more."],
    ["1000000001", "Enter a quantity of 1,000,000,000 at the most."],
    ["9".repeat(40), "Enter a quantity of 1,000,000,000 at the most."],
    ["1.5", "Enter the quantity as a whole number, such as 1200."],
    ["many", "Enter the quantity as a whole number, such as 1200."],
  ])("typed as %j is refused", (typed, message) => {
    expect(quantity().safeParse(typed).error?.issues[0]?.message).toBe(message);
  });
});
