import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(argon2);
const COST = { memory: 19_456, passes: 2, parallelism: 1 };
const SALT_BYTES = 16;
const TAG_BYTES = 32;
const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

// Each hash takes a thread and 19 MiB. More at once would hold up DNS and files, which use the same four threads.
const MOST_AT_ONCE = 2;
let running = 0;
const waiting: (() => void)[] = [];

// What an unknown person's password is compared with: as much work as any other, and nothing matches it.
const NOBODYS = phc(COST, randomBytes(SALT_BYTES), randomBytes(TAG_BYTES));

/**
 * Hashes a password with argon2id (19 MiB, 2 passes, 1 lane) and a new salt.
 * @returns the PHC string that verifyPassword takes
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return phc(COST, salt, await tagOf(password, salt, COST, TAG_BYTES));
}

/**
 * Whether a password is the one that was hashed. Without a hash (nobody has that email) it takes as long and says no.
 * @param hash a PHC string from hashPassword, of any cost
 * @throws when the hash is no argon2id PHC string
 */
export async function verifyPassword(hash: string | undefined, password: string): Promise<boolean> {
  const [, memory, passes, parallelism, salt = "", tag = ""] = PHC.exec(hash ?? NOBODYS) ?? [];
  if (tag === "") throw new Error("A stored password hash cannot be read.");
  const expected = Buffer.from(tag, "base64");
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
  const actual = await tagOf(password, Buffer.from(salt, "base64"), cost, expected.length);
  return timingSafeEqual(actual, expected);
}

async function tagOf(password: string, nonce: Buffer, cost: typeof COST, tagLength: number): Promise<Buffer> {
  await takeTurn();
  try {
    // The same letters may be typed as different code points on different keyboards.
    return await derive("argon2id", { message: password.normalize("NFKC"), nonce, tagLength, ...cost });
  } finally {
    giveTurn();
  }
}

async function takeTurn(): Promise<void> {
  if (running >= MOST_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
}

function giveTurn(): void {
  const next = waiting.shift();
  if (next) next();
  else running -= 1;
}

function phc({ memory, passes, parallelism }: typeof COST, salt: Buffer, tag: Buffer): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}

function base64(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
