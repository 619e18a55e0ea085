import { z } from "zod";
import { line, parseForm, text } from "../forms.ts";
import { decimalOf, price, quantity } from "./amounts.ts";
import { type Currency, categories, currencies, isCurrency, keysOf, units } from "./choices.ts";
import type { ListingView } from "./listings.ts";

/** What a seller says of their stock; `priceMinor` is that of one unit, in minor units of the currency. */
export type ListingInput = {
  title: string;
  description: string;
  category: string;
  quantity: number;
  unit: string;
  priceMinor: number;
  currency: string;
  location: string;
};

/**
 * What the form of a listing brought, checked, all fields at once.
 * @throws InvalidError with a message for each field that is wrong
 */
export function parseListing(body: unknown): ListingInput {
  const typed = typeof body === "object" && body !== null && "currency" in body ? body.currency : null;
  const { price: priceMinor, ...rest } = parseForm(formIn(isCurrency(typed) ? typed : null), body);
  return { ...rest, priceMinor };
}

/** What the form of a listing shows before anybody has typed. */
export function valuesOf(listing: ListingView): Record<string, string> {
  const { title, description, category, unit, currency, location, version } = listing;
  const typed = { price: decimalOf(listing.priceMinor, currency), quantity: String(listing.quantity) };
  return { title, description, category, unit, currency, location, version: String(version), ...typed };
}

// In the order of the page, which is the order in which mistakes are listed.
function formIn(currency: Currency | null) {
  return z.object({
    title: line("a title", 120),
    description: text("a description", 4000),
    category: z.enum(keysOf(categories), { error: "Choose a category from the list." }),
    quantity: quantity(),
    unit: z.enum(keysOf(units), { error: "Choose a unit from the list." }),
    price: price(currency),
    currency: z.enum(keysOf(currencies), { error: "Choose a currency from the list." }),
    location: line("where the stock is", 120),
  });
}
