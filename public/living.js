// A tab or a worker that crashes says nothing. What it held is free then, and whoever waits for that knows.

/**
 * Holds a lock for as long as this tab or worker lives.
 * @returns {Promise<string | null>} its name, once it is held; null where there are no locks
 */
export function holdWhileAlive() {
  if (!navigator.locks) return Promise.resolve(null);
  const name = `stockbell-${crypto.randomUUID()}`;
  return new Promise((resolve) => {
    const hold = () => {
      resolve(name);
      return new Promise(() => {});
    };
    navigator.locks.request(name, hold).catch(() => resolve(null));
  });
}

/**
 * @param {string | null} name what the other holds; without one nobody can know
 * @param {() => void} run once, when the other is gone
 */
export function whenGone(name, run) {
  if (name) navigator.locks?.request(name, run).catch(() => {});
}
