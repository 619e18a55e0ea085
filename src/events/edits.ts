/** What may be compared of a listing before and after it was edited. */
export type Terms = { priceMinor: number; currency: string; quantity: number; unit: string };

type Change<T> = { from: T; to: T };
export type Edits = {
  price?: Change<number>;
  quantity?: Change<number>;
  text?: true;
};

/** From which terms to which others edits have led, and whether they were of the text as well. */
export type TermsChange = { before: Terms; after: Terms; text: boolean };

/**
 * What was edited between two states. Prices in two currencies, or quantities in two units, cannot be put side by side as
 * lower or higher: a change of either is told as a change of the text.
 */
export function editsBetween({ before, after, text }: TermsChange): Edits {
  const sameCurrency = before.currency === after.currency;
  const sameUnit = before.unit === after.unit;
  const edits: Edits = {};
  if (sameCurrency && before.priceMinor !== after.priceMinor) {
    edits.price = { from: before.priceMinor, to: after.priceMinor };
  }
  if (sameUnit && before.quantity !== after.quantity) {
    edits.quantity = { from: before.quantity, to: after.quantity };
  }
  if (!sameCurrency || !sameUnit || text) edits.text = true;
  return edits;
}
