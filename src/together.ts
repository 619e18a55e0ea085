// What is asked for within so many milliseconds of a read goes with the next one.
const GATHER_MS = 15;

/**
 * Lets those who ask for the like at about the same time share a read: nobody waits where nothing has been read for a
 * moment, and ten thousand who come back at once are some dozens of queries. Keeps nothing. The idea is DataLoader's.
 * @param read the answers for these keys, each of which is there once
 * @param most keys that go together
 * @returns asks for one key: its answer sees all that was committed before it was asked; undefined if there is none
 * @throws what read throws, to all that went together
 */
export function together<K, V>(
  read: (keys: K[]) => Promise<Map<K, V>>,
  most = 500,
): (key: K) => Promise<V | undefined> {
  type Ask = { key: K; resolve: (found: V | undefined) => void; reject: (error: unknown) => void };
  const waiting: Ask[] = [];
  let next = 0;
  let underWay = false;

  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject });
      goOn();
    });

  function goOn(): void {
    if (underWay || waiting.length === 0) return;
    underWay = true;
    const wait = waiting.length < most ? next - performance.now() : 0;
    // Also at once is not before all that have come at this moment have asked as well.
    if (wait > 0) setTimeout(readSome, wait);
    else setImmediate(readSome);
  }

  async function readSome(): Promise<void> {
    next = performance.now() + GATHER_MS;
    const asks = waiting.splice(0, most);
    try {
      const found = await read([...new Set(asks.map(({ key }) => key))]);
      for (const { key, resolve } of asks) resolve(found.get(key));
    } catch (error) {
      for (const { reject } of asks) reject(error);
    }
    underWay = false;
    goOn();
  }
}
