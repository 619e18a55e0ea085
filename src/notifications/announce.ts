import type { Bus } from "../bus.ts";
import type { Db } from "../db.ts";
import type { StreamEnding } from "../queue.ts";
import { readHead } from "./heads.ts";
import { writeMarks } from "./messages.ts";

/** Tells a person's other tabs and devices which marks have changed, and how the inbox stands now. */
export async function announceMarks(db: Db, bus: Bus, userId: number, seqs: number[]): Promise<void> {
  const { unseen, revision, lastSeq } = await readHead(db, userId);
  const body = writeMarks({ unseen, revision, lastSeq, seqs });
  await quietly(bus.publish([{ channel: `user:${userId}`, body }]));
}

/** Ends live streams whose session or person has lost the right to them, on every web process. */
export async function endStreams(bus: Bus, ending: StreamEnding): Promise<void> {
  await quietly(bus.publish([{ channel: "control", body: JSON.stringify(ending) }]));
}

// The bus is the fast way; with it down each web process finds the same by its sweep.
function quietly(ringing: Promise<void>): Promise<void> {
  return ringing.catch(() => {});
}
