/** Runs something after htmx has changed the page: once for all pieces of a swap, before it is painted. */
export function afterSwaps(run) {
  let due = false;
  document.addEventListener("htmx:afterSwap", () => {
    if (due) return;
    due = true;
    queueMicrotask(() => {
      due = false;
      run();
    });
  });
}
