import express, { type Request, type RequestHandler } from "express";

/** What a beacon sends is a small form. */
export const beaconForm: RequestHandler = express.urlencoded({ extended: false, limit: "4kb", parameterLimit: 2 });

/** A notification that a browser has painted, so many ms ago; `late` after it had waited until somebody looked. */
export type Painted = { seq: number; ago: number; late: boolean };

const FIELDS = [
  ["shown", false],
  ["late", true],
] as const;
const PAINTED = /\b(\d{1,15}):(\d{1,7})\b/g;

/** What a browser says that it has painted: "12:340 13:20", numbers with how many ms ago. What is anything else is left out. */
export function readBeacon({ body }: Pick<Request, "body">): Painted[] {
  return FIELDS.flatMap(([name, late]) =>
    [...String(body?.[name] ?? "").matchAll(PAINTED)].map(([, seq, ago]) => ({
      seq: Number(seq),
      ago: Number(ago),
      late,
    })),
  );
}
