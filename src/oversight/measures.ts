import { z } from "zod";
import { changeRole, endSessionsOf, type Measure, reinstate, suspend } from "../accounts/people.ts";
import { line, parseForm } from "../forms.ts";
import type { PersonRow } from "./people.ts";

type Parts = Parameters<typeof suspend>[0];

/** What an admin can do to somebody's account; the name is the end of its address. */
export type MeasureName = "suspension" | "reinstatement" | "role" | "sessions/end";

type Taking = {
  /** @throws InvalidError, ConflictError, NotFoundError, ForbiddenError */
  take(parts: Parts, userId: number, body: unknown): Promise<void>;
  /** What has come of it, or null when that is not so any more. */
  said(person: PersonRow): string | null;
};

/** Every measure: what its form must say, and what is said when it has been taken. */
export const measures: Record<MeasureName, Taking> = {
  suspension: {
    take: (parts, userId, body) => suspend(parts, measureIn(userId, body)),
    said: ({ name, status }) =>
      status === "suspended" ? `${name} is suspended, and signed out everywhere within two seconds.` : null,
  },
  reinstatement: {
    take: (parts, userId, body) => reinstate(parts, measureIn(userId, body)),
    said: ({ name, status }) => (status === "active" ? `${name} can sign in again.` : null),
  },
  role: {
    take(parts, userId, body) {
      const { role, reason } = parseForm(roleForm, body);
      return changeRole(parts, { userId, reason }, role);
    },
    said: ({ name, role }) => `${name} has the role of ${role} now, and is signed out everywhere within two seconds.`,
  },
  "sessions/end": {
    take: (parts, userId, body) => endSessionsOf(parts, measureIn(userId, body)),
    said: ({ name }) => `${name} is signed out everywhere within two seconds.`,
  },
};

export function isMeasure(name: unknown): name is MeasureName {
  return typeof name === "string" && Object.hasOwn(measures, name);
}

const reason = line("a reason", 300).pipe(z.string().min(3, "Use 3 characters at least."));
const reasonForm = z.object({ reason });
const roleForm = z.object({ role: z.enum(["buyer", "seller", "admin"], "Choose a role."), reason });

function measureIn(userId: number, body: unknown): Measure {
  return { userId, ...parseForm(reasonForm, body) };
}
