/**
 * When the server cannot go on from where the page was, the inbox and the badge are read again.
 * @returns {(message: import("./stream.js").Message) => Promise<void>}
 */
export function reloadOnReset(htmx) {
  return async (message) => {
    if (message.type !== "hello" || message.state !== "reset") return;
    const answer = await fetch(location.href, { redirect: "manual", headers: { Accept: "text/html" } }).catch(
      () => null,
    );
    if (!answer?.ok) return;
    htmx.swap(document.body, await answer.text(), { swapStyle: "none" }, { selectOOB: "#badge,#inbox" });
  };
}
