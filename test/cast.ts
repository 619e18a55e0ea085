import { argon2Sync, randomBytes } from "node:crypto";
import { type Kysely, sql } from "kysely";
import type { Viewer } from "../src/access.ts";
import { createUser } from "../src/accounts/users.ts";
import type { Database, Db, Role } from "../src/db.ts";
import { createDemoPeople, DEMO_PASSWORD, type DemoPeople } from "../src/demo.ts";
import type { ListingInput } from "../src/marketplace/listing-form.ts";
import { findListings, type ListingView } from "../src/marketplace/listings.ts";
import { publishListing } from "../src/marketplace/publishing.ts";

/** The password of everybody in the cast. */
export const PASSWORD = DEMO_PASSWORD;

export type Cast = DemoPeople;

/** A hash at this cost takes no time that anybody would notice. */
export const CHEAP_COST = { memory: 8, passes: 1, parallelism: 1 };

/** Its hash at a cost that nobody notices: the tests sign in a thousand times, and at the real one is a second in twenty. */
const CHEAP_HASH = cheapHash();

/** Bea and Otto (buyers), Sol and Rita (sellers), Ada (admin), each with an empty inbox. */
export async function createCast(db: Db): Promise<Cast> {
  return createDemoPeople(db, CHEAP_HASH);
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
  return createUser(db, { ...person, passwordHash: CHEAP_HASH });
}

/** Many buyers at once, each with an empty inbox, none of whom can sign in. */
export async function createCrowd(db: Db, size: number): Promise<{ id: number }[]> {
  const { rows } = await sql<{ id: number }>`
    with people as (
      insert into users (email, name, company, role, password_hash)
      select 'crowd-' || gen_random_uuid() || '@demo.test', 'One of many', 'Company ' || n, 'buyer', 'none'
      from generate_series(1, ${size}::int) n returning id)
    insert into inboxes (user_id) select id from people returning user_id as id`.execute(db);
  return rows;
}

/** Posts a form as our own pages do. */
export function postForm(
  url: string,
  cookie: string,
  fields: Record<string, string> = {},
  headers = {},
): Promise<Response> {
  return fetch(url, {
    method: "POST",
    redirect: "manual",
    headers: { Cookie: cookie, "Sec-Fetch-Site": "same-origin", ...headers },
    body: new URLSearchParams(fields),
  });
}

/** Signs somebody of the cast in through the form. @returns the cookie */
export async function signIn(url: string, { email }: Pick<Viewer, "email">): Promise<string> {
  const answer = await postForm(`${url}/sign-in`, "", { email, password: PASSWORD });
  const cookie = answer.headers.getSetCookie().at(-1)?.split(";")[0];
  if (answer.status !== 303 || !cookie) throw new Error(`${email} could not sign in: ${answer.status}`);
  return cookie;
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

function cheapHash(): string {
  const nonce = randomBytes(16);
  const tag = argon2Sync("argon2id", { message: PASSWORD, nonce, tagLength: 32, ...CHEAP_COST });
  const [salt, hash] = [nonce, tag].map((bytes) => bytes.toString("base64").replace(/=+$/, ""));
  return `$argon2id$v=19$m=8,t=1,p=1$${salt}$${hash}`;
}
