import { type RawBuilder, sql } from "kysely";
import { z } from "zod";
import type { Db } from "../db.ts";
import { categories, keysOf, type Sort, sorts } from "./choices.ts";
import { type Actor, type ListingView, readListings } from "./listings.ts";

export const PAGE_SIZE = 24;

/** What a reader wants to see; "" where it is all the same to them. `mine` is a seller's own stock, `seller` anybody's. */
export type Filter = z.output<typeof filterForm>;

export type Page = { listings: ListingView[]; total: number; page: number; pages: number };

/** A search as the address has it; what makes no sense there counts as left out. */
export function parseFilter(query: unknown): Filter {
  return filterForm.parse(query);
}

/**
 * One page of the listings that a filter lets through and the viewer may see: withdrawn ones are there for their seller
 * and for admins. A page beyond the last is the last.
 */
export async function browse(db: Db, viewer: Actor, filter: Filter): Promise<Page> {
  const conditions = sql.join(conditionsOf(viewer, filter), sql` and `);
  const { total } = await db
    .selectFrom("listings")
    .select(({ fn }) => fn.countAll<number>().as("total"))
    .where(sql<boolean>`${conditions}`)
    .executeTakeFirstOrThrow();
  const pages = Math.max(1, Math.ceil(total / PAGE_SIZE));
  const page = Math.min(filter.page, pages);
  const listings = await readListings(db)
    .where(sql<boolean>`${conditions}`)
    .orderBy(orders[filter.sort])
    .orderBy("listings.id", "desc")
    .limit(PAGE_SIZE)
    .offset((page - 1) * PAGE_SIZE)
    .execute();
  return { listings, total, page, pages };
}

/** The address of a search, with what is not "all the same" in it. */
export function addressOf(filter: Filter, page = 1): string {
  const { q, category, status, sort, mine, seller } = filter;
  const given = {
    mine: mine ? "1" : "",
    seller: seller === null ? "" : String(seller),
    q,
    category,
    status,
    sort: sort === "newest" ? "" : sort,
  };
  const parameters = new URLSearchParams(Object.entries(given).filter(([, value]) => value !== ""));
  if (page > 1) parameters.set("page", String(page));
  return parameters.size > 0 ? `/listings?${parameters}` : "/listings";
}

const MOST_PAGES = 100_000;

const filterForm = z.object({
  q: z
    .string()
    .transform((typed) => typed.replaceAll("\u0000", "").trim().slice(0, 200))
    .catch(""),
  category: z.enum(["", ...keysOf(categories)]).catch(""),
  status: z.enum(["", "available", "reserved", "sold", "withdrawn"]).catch(""),
  sort: z.enum(keysOf(sorts)).catch("newest"),
  page: z.coerce.number().int().min(1).max(MOST_PAGES).catch(1),
  mine: z
    .literal("1")
    .transform(() => true)
    .catch(false),
  seller: z.coerce.number().int().min(1).max(1e15).nullable().catch(null),
});

// Prices are compared by their face value: minor units mean different things in different currencies.
const faceValue = sql<number>`listings.price_minor * case listings.currency when 'JPY' then 100 else 1 end`;

const orders = {
  newest: sql`listings.id desc`,
  price_up: sql`${faceValue} asc`,
  price_down: sql`${faceValue} desc`,
  quantity: sql`listings.quantity desc`,
} satisfies Record<Sort, RawBuilder<unknown>>;

function conditionsOf(viewer: Actor, { q, category, status, mine, seller }: Filter): RawBuilder<unknown>[] {
  const conditions = [visibleTo(viewer)];
  if (mine) conditions.push(sql`listings.seller_id = ${viewer.id}`);
  if (seller !== null) conditions.push(sql`listings.seller_id = ${seller}`);
  if (category) conditions.push(sql`listings.category = ${category}`);
  if (status) conditions.push(sql`listings.status = ${status}`);
  if (q) conditions.push(sql`listings.search @@ ${wordsOf(q)}`);
  return conditions;
}

function visibleTo({ id, role }: Actor): RawBuilder<unknown> {
  return role === "admin" ? sql`true` : sql`(listings.status <> 'withdrawn' or listings.seller_id = ${id})`;
}

// The last word counts as the beginning of one, too: whoever types "stee" has not finished "steel". The query's text ends
// with a quote exactly where it ends with a word.
function wordsOf(q: string): RawBuilder<unknown> {
  return sql`(
    select case when words::text like '%''' then (words::text || ':*')::tsquery else words end
    from websearch_to_tsquery('simple', ${q}) as words
  )`;
}
