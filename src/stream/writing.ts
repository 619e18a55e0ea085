/** What has something to be written; settled, once all that it opens with has been. */
type Holder = { readonly settled: boolean; release(): void };

/** By then those who wait longest have waited for a tenth of a millisecond, and there is little left to be saved. */
const MOST = 6;

const holding: Holder[] = [];
let isTurn = false;

/**
 * What many are told in one turn of the event loop is written together: each write may wake a reader, and readers that are
 * woken one by one, while the next of them is still being told, cost more. The first one waits for nobody.
 * @param holder its release() is called by the end of this turn
 */
export function writeInTurn(holder: Holder): void {
  const isFirst = !isTurn;
  if (isFirst) {
    isTurn = true;
    process.nextTick(endTurn);
  }
  // What a stream opens with goes out as one, so that may still be coming.
  if (isFirst && holder.settled) holder.release();
  else if (holding.push(holder) >= MOST && holder.settled) releaseAll();
}

function endTurn(): void {
  releaseAll();
  isTurn = false;
}

function releaseAll(): void {
  for (const holder of holding) holder.release();
  holding.length = 0;
}
