const EXCERPT = 140;

/** How a text begins, on one line: enough for a toast. */
export function excerptOf(message: string): string {
  const line = message.replace(/\s+/g, " ");
  if (line.length <= EXCERPT) return line;
  // Cut between characters: half an emoji is not text that the database would take.
  return `${Array.from(line)
    .slice(0, EXCERPT - 1)
    .join("")
    .trimEnd()}…`;
}
