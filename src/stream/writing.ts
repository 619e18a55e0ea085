/** What has something to be written, and may already live on what its reader has been sent so far. */
type Holder = { readonly settled: boolean; release(): void };

const holding: Holder[] = [];
let isTurn = false;

/**
 * What many are told in one turn of the event loop is written when all of it is known: each write may wake a reader, and
 * readers that are woken one by one, while the next of them is still being told, cost a quarter more. The first one waits
 * for nobody.
 * @param holder its release() is called by the end of this turn
 */
export function writeInTurn(holder: Holder): void {
  const isFirst = !isTurn;
  if (isFirst) {
    isTurn = true;
    process.nextTick(endTurn);
  }
  // What a stream opens with goes out as one.
  if (isFirst && holder.settled) holder.release();
  else holding.push(holder);
}

function endTurn(): void {
  for (const holder of holding) holder.release();
  holding.length = 0;
  isTurn = false;
}
