const SOONEST = 1_000;
const SPREAD = 4_000;
const MOST = 50;

/**
 * Tells the server which toasts have been painted and how long ago: the last hop that it cannot see by itself. A few
 * seconds later and many at once, so that it costs next to nothing, and by the page's own clock, so that a wrong one
 * does not matter. What was folded away before it could be painted is not told.
 * @param {HTMLElement} stack the toasts
 */
export function tellWhatIsShown(stack) {
  /** @type {{ seq: string, at: number, late: boolean }[]} */
  let painted = [];
  let timer;
  new MutationObserver((changes) => {
    const came = changes.flatMap(({ addedNodes }) => [...addedNodes]).filter((node) => node.dataset?.notification);
    // Once the next frame begins this one has been painted.
    if (came.length > 0) requestAnimationFrame(() => requestAnimationFrame(() => note(came)));
  }).observe(stack, { childList: true });
  window.addEventListener("pagehide", send);

  function note(came) {
    const at = performance.now();
    for (const toast of came) {
      if (!toast.isConnected || toast.dataset.missed || painted.length >= MOST) continue;
      painted.push({ seq: toast.dataset.notification, at, late: "late" in toast.dataset });
    }
    timer ??= setTimeout(send, SOONEST + Math.random() * SPREAD);
  }

  function send() {
    clearTimeout(timer);
    timer = undefined;
    if (painted.length === 0) return;
    const now = performance.now();
    const told = (late) =>
      painted
        .filter((one) => one.late === late)
        .map(({ seq, at }) => `${seq}:${Math.round(now - at)}`)
        .join(" ");
    navigator.sendBeacon("/stream/shown", new URLSearchParams({ shown: told(false), late: told(true) }));
    painted = [];
  }
}
