import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { BusyError } from "../errors.ts";

/** `memory` in KiB. */
export type HashCost = { memory: number; passes: number; parallelism: number };

const derive = promisify(argon2);
/** What a new hash costs. Raise it, and whoever signs in gets a hash of the new cost. */
export const COST: HashCost = { memory: 19_456, passes: 2, parallelism: 1 };
const SALT_BYTES = 16;
const TAG_BYTES = 32;
const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

// Each hash takes a thread and 19 MiB. More at once would hold up DNS and files, which use the same four threads.
const MOST_AT_ONCE = 2;
// Whoever comes after so many would be told that it takes too long anyway.
const MOST_WAITING = 64;
let running = 0;
const waiting: (() => void)[] = [];

// What an unknown person's password is compared with: as much work as any other, and nothing matches it.
const NOBODYS = phc(COST, randomBytes(SALT_BYTES), randomBytes(TAG_BYTES));

/**
 * Hashes a password with argon2id (19 MiB, 2 passes, 1 lane) and a new salt.
 * @returns the PHC string that verifyPassword takes
 * @throws BusyError when too many wait already
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return phc(COST, salt, await tagOf(password, salt, COST, TAG_BYTES));
}

/**
 * Whether a password is the one that was hashed. Without a hash (nobody has that email) it takes as long and says no.
 * @param hash a PHC string from hashPassword, of any cost
 * @param before is done when it is this one's turn; what it throws is thrown, and nothing is computed
 * @throws when the hash is no argon2id PHC string; BusyError when too many wait already
 */
export async function verifyPassword(
  hash: string | undefined,
  password: string,
  before?: () => Promise<void>,
): Promise<boolean> {
  const { cost, salt, tag } = partsOf(hash ?? NOBODYS);
  return timingSafeEqual(await tagOf(password, salt, cost, tag.length, before), tag);
}

/** Whether a hash is of another cost than hashes are now. */
export function isOutdated(hash: string, { memory, passes, parallelism }: HashCost): boolean {
  const { cost } = partsOf(hash);
  return cost.memory !== memory || cost.passes !== passes || cost.parallelism !== parallelism;
}

function partsOf(hash: string): { cost: HashCost; salt: Buffer; tag: Buffer } {
  const [, memory, passes, parallelism, salt = "", tag = ""] = PHC.exec(hash) ?? [];
  if (tag === "") throw new Error("A stored password hash cannot be read.");
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
  return { cost, salt: Buffer.from(salt, "base64"), tag: Buffer.from(tag, "base64") };
}

async function tagOf(
  password: string,
  nonce: Buffer,
  cost: HashCost,
  tagLength: number,
  before?: () => Promise<void>,
): Promise<Buffer> {
  await takeTurn();
  try {
    await before?.();
    // The same letters may be typed as different code points on different keyboards.
    return await derive("argon2id", { message: password.normalize("NFKC"), nonce, tagLength, ...cost });
  } finally {
    giveTurn();
  }
}

async function takeTurn(): Promise<void> {
  if (waiting.length >= MOST_WAITING) throw new BusyError();
  if (running >= MOST_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
}

function giveTurn(): void {
  const next = waiting.shift();
  if (next) next();
  else running -= 1;
}

function phc({ memory, passes, parallelism }: HashCost, salt: Buffer, tag: Buffer): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}

function base64(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
