import { execFile } from "node:child_process";
import { promisify } from "node:util";

const BARE_START_MS = 50;

/**
 * How long something takes in ms of a machine at rest, on which the bare runtime starts in 50 ms. Other test files run
 * meanwhile, so what the clock says is divided by how much longer that takes just before and just after.
 */
export async function timeAtRest(act: () => Promise<unknown>): Promise<number> {
  const before = await bareStart();
  const began = performance.now();
  await act();
  const took = performance.now() - began;
  const slowness = (before + (await bareStart())) / 2 / BARE_START_MS;
  return took / Math.max(1, slowness);
}

/** How much longer everything takes now than on that machine: 1 at rest. */
export async function slownessNow(): Promise<number> {
  return Math.max(1, (await bareStart()) / BARE_START_MS);
}

async function bareStart(): Promise<number> {
  const began = performance.now();
  await promisify(execFile)(process.execPath, ["-e", "0"]);
  return performance.now() - began;
}
