import type pg from "pg";

const SEEN_BEFORE = 5;
const MOST_NAMES = 150;
const MOST_COUNTED = 500;
/** What this answers changes with every column that a later release adds to the table. */
const ALL_COLUMNS = /^select \*/;

type Statement = Required<Pick<pg.QueryConfig, "name" | "text" | "values">>;
type Ask = (...given: unknown[]) => unknown;

/**
 * Has Postgres parse and plan once on each of a pool's connections what they run over and over. Which statements these
 * are, shows as they are run: what was seen a few times gets a name, as long as there are names left.
 */
export function prepareStatements(pool: pg.Pool): void {
  const names = new Map<string, string>();
  const seen = new Map<string, number>();
  let given = 0;

  pool.on("connect", (client) => {
    const ask = client.query.bind(client) as Ask;
    client.query = ((...asked: unknown[]) => {
      const [text, values] = asked;
      // The queue names its statements itself, and what has no values is sent in one piece.
      const isPlain = asked.length === 2 && typeof text === "string" && Array.isArray(values) && values.length > 0;
      const name = isPlain && nameOf(text);
      return name ? askPrepared(client, ask, { name, text, values }) : ask(...asked);
    }) as typeof client.query;
  });

  async function askPrepared(client: pg.ClientBase, ask: Ask, { name, text, values }: Statement) {
    try {
      return await ask({ name, text, values });
    } catch (error) {
      if (!isStale(error)) throw error;
      if (names.get(text) === name) names.set(text, newName());
      // A transaction has failed with it: whoever has begun that may try again.
      if (client.getTransactionStatus() !== "I") throw error;
      return ask({ name: names.get(text), text, values });
    }
  }

  function nameOf(text: string): string | undefined {
    const name = names.get(text);
    if (name || names.size >= MOST_NAMES || ALL_COLUMNS.test(text)) return name;
    const times = (seen.get(text) ?? 0) + 1;
    if (times <= SEEN_BEFORE) {
      if (seen.size >= MOST_COUNTED) seen.clear();
      seen.set(text, times);
      return undefined;
    }
    seen.delete(text);
    names.set(text, newName());
    return names.get(text);
  }

  function newName(): string {
    given += 1;
    return `s${given}`;
  }
}

/** Whether a statement was prepared before a migration changed what it answers. Tried again it is prepared anew. */
export function isStale(error: unknown): boolean {
  // The message may be in any language.
  return error instanceof Error && "routine" in error && error.routine === "RevalidateCachedQuery";
}
