import { execFile } from "node:child_process";
import { userInfo } from "node:os";
import { promisify } from "node:util";

const run = promisify(execFile);

// A user without a name cannot set up a cluster; this one is in every Linux's list.
export const NOBODY = 65_534;

/**
 * PostgreSQL refuses root and wants a user with a name, and who has dropped root cannot enter a folder that is root's
 * alone. So root starts it in a user namespace, where root goes by another number and keeps its files; where that is
 * forbidden (most containers) or does not reach (somebody else's folder), as another user who may pass permissions.
 * Both end in an exec, so the process that we hold is the server itself.
 * @param owner who the other user would be
 * @returns what to put before the command: the ways to try, best first
 */
export function waysToRun(owner: number): string[][] {
  const root = process.getuid?.() === 0;
  if (!root && hasName()) return [[]];
  const renamed = ["unshare", "--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`];
  const dropped = [
    ...["setpriv", `--reuid=${owner}`, `--regid=${owner}`, "--clear-groups", "--securebits=+no_setuid_fixup"],
    ...["--inh-caps=+dac_override", "--ambient-caps=+dac_override"],
  ];
  return root ? [renamed, dropped] : [renamed];
}

/**
 * What to put before a command so that the process gets a signal when the thread that started it ends, however it ends.
 * Linux only; elsewhere nothing. It must come after a change of user, which would undo it.
 */
export async function dyingWithParent(signal: "INT" | "TERM" | "KILL"): Promise<string[]> {
  const wrapper = ["setpriv", "--pdeathsig", signal] as const;
  return run(wrapper[0], [...wrapper.slice(1), "true"]).then(
    () => [...wrapper],
    () => [],
  );
}

function hasName(): boolean {
  try {
    return userInfo().username !== "";
  } catch {
    return false;
  }
}
