import type { Person, Site } from "./site.ts";

/** A request: who asks, for what, and what the form says where one is posted; htmx unless it is for a whole page. */
export type Ask = { who: Person | null; path: string; form?: Record<string, string>; page?: boolean };

const everyPage: [Person | null, string[]][] = [
  [null, ["/", "/sign-in", "/sign-in?next=/account", "/sign-up", "/nowhere"]],
  [
    "bea",
    ["/", "/listings", "/listings?q=nothing-like-it", "/listings/1", "/listings/5", "/enquiries", "/enquiries/1"],
  ],
  [
    "bea",
    ["/notifications", "/notifications?show=unread", "/notifications?by=listing", "/notifications?kind=listing_sold"],
  ],
  ["bea", ["/notifications/2", "/notifications/preferences", "/account", "/oversight", "/listings/99999"]],
  ["sol", ["/", "/listings?mine=1", "/listings/1", "/listings/5", "/listings/10", "/listings/new", "/listings/1/edit"]],
  ["sol", ["/enquiries", "/notifications"]],
  ["rita", ["/", "/listings/24"]],
  [
    "ada",
    [
      "/oversight",
      "/oversight/jobs",
      "/oversight/people",
      "/oversight/people?q=nobody-like-it",
      "/oversight/announcements",
      "/oversight/proof",
      "/listings/5",
      "/enquiries",
      "/enquiries/1",
      "/notifications",
    ],
  ],
  ["ada", ["/oversight?kind=listing_sold&person=sol", "/oversight?person=demo", "/oversight?from=never"]],
  ["ada", ["/oversight/health", "/oversight/events/40", "/oversight/events/40?person=otto"]],
  ["ada", ["/oversight/people/1", "/oversight/people/3", "/oversight/people/5", "/listings?seller=3&status=sold"]],
];

/** All pages of the demo. */
export const pages: Ask[] = everyPage.flatMap(([who, paths]) => paths.map((path) => ({ who, path, page: true })));

const announcement = {
  role: "seller",
  title: "A break on Sunday",
  text: "From eight to nine nothing can be published.",
};

/** What pages ask for in part, in an order in which each has its answer; what is wrong in a form, and what comes live. */
export const fragments: Ask[] = [
  { who: "bea", path: "/stream/fallback?after=0&since=2020-01-01T00:00:00.000Z" },
  { who: "bea", path: "/notifications/2" },
  ...["read", "unread", "archive", "unarchive"].map((mark) => ({
    who: "bea" as const,
    path: `/notifications/2/${mark}`,
    form: {},
  })),
  { who: "bea", path: "/notifications/2/kind", form: { shown: "inbox", was: "toast" } },
  { who: "bea", path: "/notifications/mutes", form: { listing: "1", next: "/" } },
  { who: "bea", path: "/notifications/mutes/1/delete", form: { next: "/" } },
  {
    who: "bea",
    path: "/notifications/preferences",
    form: { quiet_from: "22:00", quiet_to: "", time_zone: "Europe/Berlin" },
  },
  { who: "bea", path: "/listings/3/watch", form: {} },
  { who: "bea", path: "/listings/3/unwatch", form: {} },
  { who: "bea", path: "/listings/3/enquiries", form: { message: "" } },
  { who: "bea", path: "/listings/3/enquiries", form: { message: "How soon?" } },
  { who: "bea", path: "/enquiries/1/messages", form: { message: "" } },
  { who: "bea", path: "/enquiries/1/messages", form: { message: "And in January?" } },
  { who: "bea", path: "/listings/99999/watch", form: {} },
  { who: "sol", path: "/listings/3/reservation", form: { buyer: "", hours: "soon", version: "1" } },
  { who: "sol", path: "/listings/3/reservation", form: { buyer: "bea@demo.test", hours: "48", version: "1" } },
  { who: "sol", path: "/listings/3/extension", form: { hours: "none", version: "2" } },
  { who: "sol", path: "/listings/3/release", form: { version: "1" } },
  { who: "sol", path: "/listings/3/release", form: { version: "2" } },
  { who: "sol", path: "/listings/3/withdrawal", form: { version: "3" } },
  { who: "sol", path: "/listings/3/relisting", form: { version: "4" } },
  ...["suspension", "suspension", "reinstatement", "role", "sessions/end"].map((measure) => ({
    who: "ada" as const,
    path: `/oversight/people/2/${measure}`,
    form: { reason: "To see what comes of it" },
  })),
  { who: "ada", path: "/oversight/announcements/preview", form: { role: "buyer", title: "", text: "" } },
  { who: "ada", path: "/oversight/announcements/preview", form: announcement, page: true },
  { who: "ada", path: "/oversight/announcements", form: announcement },
  { who: "ada", path: "/oversight/announcements", page: true },
  { who: "ada", path: "/oversight/announcements/1/recall", form: {} },
  { who: "sol", path: "/notifications?kind=announcement", page: true },
  { who: "ada", path: "/oversight/proof", form: {} },
];

/** @returns the answer's status and markup */
export async function ask({ url, cookieOf }: Pick<Site, "url" | "cookieOf">, { who, path, form, page }: Ask) {
  const headers = { Origin: url, ...(who && { Cookie: await cookieOf(who) }), ...(!page && { "HX-Request": "true" }) };
  const post = form && { method: "POST", body: new URLSearchParams(form) };
  const answer = await fetch(url + path, { headers, redirect: "manual", ...post });
  return { status: answer.status, html: await answer.text() };
}
