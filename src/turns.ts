import type { RequestHandler } from "express";

/**
 * Lets at most so many requests past at a time, each until it begins to be answered; the rest wait in line. Thousands of
 * streams that come back at once would else take every connection to the database, and pages would wait behind them.
 */
export function inTurn(atOnce: number): RequestHandler {
  const line = new Set<() => void>();
  let inside = 0;

  return (_req, res, next) => {
    const writeHead = res.writeHead;
    let left = false;
    if (inside < atOnce) return enter();
    line.add(enter);
    res.once("close", giveUp);

    function enter(): void {
      giveUp();
      if (res.closed) return callNext();
      inside += 1;
      res.off("close", giveUp).once("close", leave);
      res.writeHead = ((...given: Parameters<typeof writeHead>) => {
        leave();
        return writeHead.apply(res, given);
      }) as typeof res.writeHead;
      next();
    }

    function giveUp(): void {
      line.delete(enter);
    }

    function leave(): void {
      if (left) return;
      left = true;
      inside -= 1;
      callNext();
    }
  };

  function callNext(): void {
    const [first] = line;
    first?.();
  }
}
