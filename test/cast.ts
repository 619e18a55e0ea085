import type { Kysely } from "kysely";
import { hashPassword } from "../src/accounts/passwords.ts";
import type { Viewer } from "../src/access.ts";
import type { Database, Db, Role } from "../src/db.ts";
import { findListings, type ListingView } from "../src/marketplace/listings.ts";
import type { ListingInput } from "../src/marketplace/listing-form.ts";
import { publishListing } from "../src/marketplace/publishing.ts";

/** The password of everybody in the cast. */
export const PASSWORD = "ring-the-bell";

const members = {
  bea: { name: "Bea Brandt", company: "Brandt Bau", role: "buyer" },
  otto: { name: "Otto Olsen", company: "Olsen Works", role: "buyer" },
  sol: { name: "Sol Serrano", company: "Serrano Metals", role: "seller" },
  rita: { name: "Rita Rossi", company: "Rossi Supply", role: "seller" },
  ada: { name: "Ada Admin", company: "Stockbell", role: "admin" },
} as const satisfies Record<string, { name: string; company: string; role: Role }>;

export type Cast = Record<keyof typeof members, Viewer>;

/** Bea and Otto (buyers), Sol and Rita (sellers), Ada (admin), each with an empty inbox. */
export async function createCast(db: Db): Promise<Cast> {
  const people: [string, Viewer][] = [];
  for (const [name, member] of Object.entries(members)) {
    people.push([name, await createPerson(db, { email: `${name}@demo.test`, ...member })]);
  }
  return Object.fromEntries(people) as Cast;
}

/** One more person with an empty inbox. Whatever is left out is made up. */
export async function createPerson(db: Db, given: Partial<Omit<Viewer, "id">> & { role: Role }): Promise<Viewer> {
  const number = nextNumber();
  const person = {
    email: `person-${number}@demo.test`,
    name: `Person ${number}`,
    company: `Company ${number}`,
    ...given,
  };
  const { id } = await db
    .insertInto("users")
    .values({ ...person, password_hash: await passwordHash() })
    .returning("id")
    .executeTakeFirstOrThrow();
  await db.insertInto("inboxes").values({ user_id: id }).execute();
  return { id, ...person };
}

/** Stock that a seller has just published, by the real action, so that its event and its job are there. */
export async function publishedListing(
  db: Kysely<Database>,
  seller: Viewer,
  overrides: Partial<ListingInput> = {},
): Promise<ListingView> {
  const id = await publishListing(db, seller, { ...someStock(), ...overrides });
  const [listing] = await findListings(db, [id]);
  if (!listing) throw new Error("what was published is not there");
  return listing;
}

/** What a seller might say of some stock. */
export function someStock(): ListingInput {
  return {
    title: `Copper cathode ${nextNumber()}`,
    description: "Grade A, 25 tonne lots, in bond.",
    category: "metals",
    quantity: 1200,
    unit: "kg",
    priceMinor: 845_50,
    currency: "EUR",
    location: "Rotterdam",
  };
}

let numbers = 0;

function nextNumber(): number {
  numbers += 1;
  return numbers;
}

let hash: Promise<string> | undefined;

function passwordHash(): Promise<string> {
  hash ??= hashPassword(PASSWORD);
  return hash;
}
