/**
 * Lets those who ask for the like at the same time share a query: what is asked while one is under way goes with the
 * next, so that ten thousand who come back at once are some dozens of queries. Keeps nothing. The idea is DataLoader's.
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
  let underWay = false;

  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject });
      if (underWay) return;
      underWay = true;
      // By then all that have come with it have asked as well.
      setImmediate(readAll);
    });

  async function readAll(): Promise<void> {
    while (waiting.length > 0) {
      const asks = waiting.splice(0, most);
      try {
        const found = await read([...new Set(asks.map(({ key }) => key))]);
        for (const { key, resolve } of asks) resolve(found.get(key));
      } catch (error) {
        for (const { reject } of asks) reject(error);
      }
    }
    underWay = false;
  }
}
