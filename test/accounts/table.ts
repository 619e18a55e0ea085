import type { Express, RequestHandler } from "express";
import type { Access } from "../../src/access.ts";

export const ACTORS = ["anonymous", "suspended", "bea", "otto", "sol", "rita", "ada"] as const;
export type Actor = (typeof ACTORS)[number];
export type Verdict = "in" | "yes" | "no" | "404";

/** Sol's listing that Bea watches and asked about, another of Sol's that he withdrew, Bea's session, Bea herself, an event, a job that failed, and nothing. */
export type Objects = {
  listing: number;
  withdrawn: number;
  thread: number;
  session: string;
  person: number;
  event: number;
  job: number;
  nothing: number;
};

// For each route, and for each object that its path can name, what each of the cast gets, in the order of ACTORS:
//   in   must sign in       yes  is served: done, or told what is wrong with the form
//   no   is of another role 404  sees nothing there
const everybody = "yes yes yes yes yes yes yes";
const members = "in in yes yes yes yes yes";
const buyers = "in in yes yes no no no";
const sellers = "in in no no yes yes no";
const admins = "in in no no no no yes";
const keepers = "in in no no yes 404 yes";
const nobody = "404 404 404 404 404 404 404";
const unknownTo = {
  members: "in in 404 404 404 404 404",
  buyers: "in in 404 404 no no no",
  keepers: "in in no no 404 404 404",
  admins: "in in no no no no 404",
};

export const table: Record<string, string | Partial<Record<keyof Objects, string>>> = {
  "GET /assets/:version/:name": { nothing: nobody },
  "POST /csp-reports": everybody,
  "GET /livez": everybody,
  "GET /readyz": everybody,
  "GET /metrics": nobody,
  "GET /stream": members,
  "GET /stream/fallback": members,
  "POST /stream/shown": members,
  "GET /": everybody,
  "GET /sign-up": everybody,
  "POST /sign-up": everybody,
  "GET /sign-in": everybody,
  "POST /sign-in": everybody,
  "POST /sign-out": everybody,
  "GET /account": members,
  "POST /account/password": members,
  "POST /account/sessions/:id/end": { session: "in in yes 404 404 404 404", nothing: unknownTo.members },
  "GET /listings": members,
  "GET /listings/new": sellers,
  "POST /listings": sellers,
  "GET /listings/:id": { listing: members, withdrawn: "in in 404 404 yes 404 yes", nothing: unknownTo.members },
  "GET /listings/:id/edit": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id/reservation": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id/extension": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id/release": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id/sale": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id/withdrawal": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id/relisting": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id/watch": { listing: buyers, withdrawn: unknownTo.buyers, nothing: unknownTo.buyers },
  "POST /listings/:id/unwatch": { listing: buyers, withdrawn: unknownTo.buyers, nothing: unknownTo.buyers },
  "POST /listings/:id/enquiries": { listing: buyers, withdrawn: unknownTo.buyers, nothing: unknownTo.buyers },
  "GET /enquiries": members,
  "GET /enquiries/:id": { thread: "in in yes 404 yes 404 yes", nothing: unknownTo.members },
  "POST /enquiries/:id/messages": { thread: "in in yes 404 yes 404 no", nothing: "in in 404 404 404 404 no" },
  "POST /enquiries/:id/seen": { thread: "in in yes 404 yes 404 no", nothing: "in in 404 404 404 404 no" },
  "GET /notifications": members,
  "POST /notifications/read-all": members,
  "POST /notifications/seen": members,
  "POST /notifications/:seq/read": { nothing: unknownTo.members },
  "POST /notifications/:seq/unread": { nothing: unknownTo.members },
  "POST /notifications/:seq/archive": { nothing: unknownTo.members },
  "POST /notifications/:seq/unarchive": { nothing: unknownTo.members },
  "GET /notifications/preferences": members,
  "POST /notifications/preferences": members,
  "POST /notifications/mutes": members,
  "POST /notifications/mutes/:listing/delete": { nothing: unknownTo.members },
  "GET /notifications/:seq": { nothing: unknownTo.members },
  "POST /notifications/:seq/kind": { nothing: unknownTo.members },
  "GET /oversight": admins,
  "GET /oversight/health": admins,
  "GET /oversight/events/:id": { event: admins, nothing: unknownTo.admins },
  "GET /oversight/people": admins,
  "GET /oversight/people/:id": { person: admins, nothing: unknownTo.admins },
  "POST /oversight/people/:id/suspension": { person: admins, nothing: unknownTo.admins },
  "POST /oversight/people/:id/reinstatement": { person: admins, nothing: unknownTo.admins },
  "POST /oversight/people/:id/role": { person: admins, nothing: unknownTo.admins },
  "POST /oversight/people/:id/sessions/end": { person: admins, nothing: unknownTo.admins },
  "GET /oversight/jobs": admins,
  "POST /oversight/jobs/:id/retry": { job: admins, nothing: unknownTo.admins },
  "POST /oversight/jobs/:id/give-up": { job: admins, nothing: unknownTo.admins },
  "GET /oversight/announcements": admins,
  "POST /oversight/announcements/preview": admins,
  "POST /oversight/announcements": admins,
  "POST /oversight/announcements/:id/stop": { nothing: unknownTo.admins },
  "POST /oversight/announcements/:id/resume": { nothing: unknownTo.admins },
  "POST /oversight/announcements/:id/recall": { nothing: unknownTo.admins },
  "GET /oversight/proof": admins,
  "POST /oversight/proof": admins,
};

/** The table's verdicts on a route for each object. */
export function rowsOf(name: string): [keyof Objects, Verdict[]][] {
  const row = table[name] ?? {};
  const byObject = typeof row === "string" ? { nothing: row } : row;
  return Object.entries(byObject).map(([object, verdicts]) => [
    object as keyof Objects,
    verdicts.split(" ") as Verdict[],
  ]);
}

export type Route = { name: string; method: string; path: string; access: Access[] | null };
type Layer = {
  route?: {
    path: string;
    methods: Record<string, boolean>;
    stack: { handle: RequestHandler & { access?: Access[] } }[];
  };
  handle: { stack?: Layer[] };
};

/** Every route of the application; `access` is null where no allow() comes before the handler. */
export function routesOf(app: Express): Route[] {
  return flat((app.router as unknown as { stack: Layer[] }).stack).flatMap(({ route }) => {
    if (!route) return [];
    const guard = route.stack.slice(0, -1).find(({ handle }) => handle.access);
    return Object.keys(route.methods).map((method) => ({
      name: `${method.toUpperCase()} ${route.path}`,
      method: method.toUpperCase(),
      path: route.path,
      access: guard?.handle.access ?? null,
    }));
  });
}

function flat(layers: Layer[]): Layer[] {
  return layers.flatMap((layer) => [layer, ...flat(layer.handle.stack ?? [])]);
}
