import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { z } from "zod";

// The file is gzip. Its first line is the header, then come the rows in the order of the header's parts, each a line of
// JSON as Postgres writes it and reads it again, and last the end, which says what was written.

const header = z.object({
  format: z.literal("stockbell backup 1"),
  takenAt: z.string(),
  migrations: z.object({ ours: z.array(z.string()), queue: z.array(z.number()) }),
  tables: z.array(
    z.object({
      name: z.string(),
      columns: z.array(z.string()),
      numbered: z.array(z.object({ column: z.string(), last: z.number().nullable() })),
      rows: z.number(),
    }),
  ),
  jobs: z.object({ rows: z.number(), last: z.number().nullable() }),
});
const end = z.object({ end: z.literal(true), rows: z.record(z.string(), z.number()) });

export type Header = z.output<typeof header>;
export type End = z.output<typeof end>;

/** How many rows there are of what: of each table, and jobs. */
export function countsOf({ tables, jobs }: Header): Record<string, number> {
  return { ...Object.fromEntries(tables.map(({ name, rows }) => [name, rows])), "jobs of the queue": jobs.rows };
}

/**
 * Reads a whole back-up without keeping it, to make sure that it is one and that nothing of it is missing.
 * @throws Error that says in one line what is wrong with it
 */
export async function checkFile(file: string): Promise<Header> {
  let first = "";
  let last = "";
  let lines = 0;
  try {
    for await (const line of readLines(file)) {
      if (lines === 0) first = line;
      last = line;
      lines += 1;
    }
  } catch (error) {
    throw new Error(`${file} cannot be read as a whole back-up (${(error as Error).message})`);
  }
  const [begun, ended] = [header.safeParse(parsed(first)), end.safeParse(parsed(last))];
  if (!begun.success) throw new Error(`${file} is not a back-up of Stockbell`);
  const counts = countsOf(begun.data);
  const expected = Object.values(counts).reduce((sum, rows) => sum + rows, 2);
  const whole =
    ended.success && lines === expected && Object.keys(counts).every((of) => ended.data.rows[of] === counts[of]);
  if (!whole) throw new Error(`${file} is not a whole back-up: it has not all the rows that it should have`);
  return begun.data;
}

/**
 * The lines of a back-up, one after the other. Not by node:readline, which also ends a line at U+2028, and people may have
 * typed that.
 */
export async function* readLines(file: string): AsyncGenerator<string> {
  const text = createGunzip();
  // What goes wrong ends the reading of the text as well.
  pipeline(createReadStream(file), text, () => {});
  let rest = "";
  for await (const chunk of text.setEncoding("utf8")) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
