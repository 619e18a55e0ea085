import { correctOffers } from "./standing.js";

const MOVING = "#badge, #inbox, [data-listing][id], [id^='actions-'], .thread[id], #threads, #reserved";

/**
 * When the server cannot go on from where the page was, or more has changed than is told one by one, the page reads
 * again what moves in it: the badge, the inbox, the listings and the conversations.
 * @returns {(message: import("./stream.js").Message) => void}
 */
export function rereadWhenTold(htmx) {
  document.addEventListener("htmx:oobAfterSwap", ({ detail }) => {
    if (detail.target.id === "reread") void reread(htmx);
  });
  return (message) => {
    if (message.type === "hello" && message.state === "reset") void reread(htmx);
  };
}

let rereading = false;

// What tells it may come several times at once.
async function reread(htmx) {
  if (rereading) return;
  rereading = true;
  const request = { redirect: "manual", headers: { Accept: "text/html" } };
  const answer = await fetch(location.href, request).catch(() => null);
  const page = answer?.ok ? await answer.text() : null;
  rereading = false;
  if (!page) return;
  const ids = [...document.querySelectorAll(MOVING)].map(({ id }) => `#${id}`);
  htmx.swap(document.body, page, { swapStyle: "none" }, { selectOOB: [...new Set(ids)].join(",") });
  // What the stream brought while the page was read is newer.
  correctOffers(document);
}
