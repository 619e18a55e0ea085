// What a listing may be and be counted in. Slugs and units are stored as they stand here; they may be added to, and one
// that listings carry may not be taken away.

export const categories = {
  metals: "Metals",
  timber: "Timber",
  plastics: "Plastics",
  textiles: "Textiles",
  food: "Food",
  electronics: "Electronics",
  machinery: "Machinery",
  packaging: "Packaging",
  chemicals: "Chemicals",
  paper: "Paper",
  other: "Other",
} as const;

export const units = {
  kg: "Kilograms (kg)",
  t: "Tonnes (t)",
  pcs: "Pieces",
  m: "Metres (m)",
  "m²": "Square metres (m²)",
  "m³": "Cubic metres (m³)",
  l: "Litres (l)",
  pallets: "Pallets",
  boxes: "Boxes",
} as const;

/** Currencies with how many decimals they have. */
export const currencies = { EUR: 2, GBP: 2, USD: 2, SEK: 2, PLN: 2, CHF: 2, JPY: 0 } as const;

export type Currency = keyof typeof currencies;

export const sorts = {
  newest: "Newest first",
  price_up: "Lowest price first",
  price_down: "Highest price first",
  quantity: "Largest quantity first",
} as const;

export type Sort = keyof typeof sorts;

/** The choices of a list as a form field shows them. */
export function optionsOf(choices: Record<string, string>): { value: string; text: string }[] {
  return Object.entries(choices).map(([value, text]) => ({ value, text }));
}

/** The keys of a list, for zod. */
export function keysOf<T extends object>(choices: T): [keyof T & string, ...(keyof T & string)[]] {
  return Object.keys(choices) as [keyof T & string, ...(keyof T & string)[]];
}

export function isCurrency(given: unknown): given is Currency {
  return typeof given === "string" && Object.hasOwn(currencies, given);
}
