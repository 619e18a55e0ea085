const MOST_FROM_ADDRESS = 200;
/** So many times a person may open a stream at once, and then so many a second. A browser needs one, now and then. */
const BURST = 100;
const EACH_SECOND = 2;
const MANY = 5000;

export type Openings = ReturnType<typeof createOpenings>;

/** Who opens streams how often, and how many there are from where: of one web process, in memory. */
export function createOpenings() {
  const addresses = new Map<string, number>();
  const people = new Map<number, { level: number; at: number }>();
  let tidyAt = MANY;

  return {
    /**
     * Counts an opening, if it may be.
     * @returns to be called when the stream has ended; or null: too often, or too many from there
     */
    enter(userId: number, address: string): (() => void) | null {
      const from = addresses.get(address) ?? 0;
      // Those on this machine are one proxy or one test, and tell nobody apart.
      if (from >= MOST_FROM_ADDRESS && !isThisMachine(address)) return null;
      if (!mayOpen(userId, Date.now())) return null;
      addresses.set(address, from + 1);
      return () => leave(address);
    },
  };

  function leave(address: string): void {
    const left = (addresses.get(address) ?? 0) - 1;
    if (left > 0) addresses.set(address, left);
    else addresses.delete(address);
  }

  function mayOpen(userId: number, now: number): boolean {
    const { level, at } = people.get(userId) ?? { level: 0, at: now };
    const present = leaked(level, at, now);
    if (present + 1 > BURST) return false;
    people.set(userId, { level: present + 1, at: now });
    if (people.size > tidyAt) tidy(now);
    return true;
  }

  /** Lets go of those who have not opened anything for a while. */
  function tidy(now: number): void {
    for (const [id, { level, at }] of people) if (leaked(level, at, now) === 0) people.delete(id);
    tidyAt = Math.max(MANY, 2 * people.size);
  }
}

function leaked(level: number, at: number, now: number): number {
  return Math.max(0, level - (Math.max(0, now - at) / 1000) * EACH_SECOND);
}

function isThisMachine(address: string): boolean {
  return address === "" || address.startsWith("127.") || address === "0:0:0:0::/64";
}
