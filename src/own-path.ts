const NOWHERE = "http://nowhere.invalid";

/**
 * A path of our own site out of what a link or a form brought, for redirects: whatever would lead elsewhere, and what
 * is no path at all, becomes "/". It is read as browsers read it, who drop tabs and take "\" for "/".
 */
export function ownPath(given: unknown): string {
  if (typeof given !== "string" || !given.startsWith("/") || given.length > 2000) return "/";
  const url = URL.parse(given, NOWHERE);
  if (url?.origin !== NOWHERE) return "/";
  const path = url.pathname + url.search + url.hash;
  // "/.//elsewhere" is a path until it is written down without its dot.
  return path.startsWith("//") ? "/" : path;
}
