import { pino } from "pino";

export type Log = pino.Logger;

/**
 * The process's log: one JSON object a line on standard output, no colours, no personal data.
 * @param name what kind of process writes
 * @param level the least serious level that is written
 */
export function createLog(name: string, level: string): Log {
  return pino({
    name,
    level,
    // What a database says of a row may hold what people typed.
    redact: ["err.detail", "err.where", "req.headers.cookie", "req.headers.authorization", "res.headers['set-cookie']"],
    serializers: { err: pino.stdSerializers.err },
  });
}
