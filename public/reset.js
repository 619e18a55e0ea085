import { correctOffers } from "./standing.js";

const MOVING = "#badge, #inbox, [data-listing][id], [id^='actions-'], .thread[id], #threads, #reserved";
const BESIDE = "[id^='history-'], [id^='interest-']";
// Whoever has a listing open learns of a change together with all the others, who would ask again all at once.
const WITHIN = 1_500;

/**
 * When the server cannot go on from where the page was, or more has changed than is told one by one, the page reads
 * again what moves in it: the badge, the inbox, the listings and the conversations. And what stands beside a listing, its
 * history and who asks for it, is read again a moment after the listing has changed.
 * @returns {(message: import("./stream.js").Message) => void}
 */
export function rereadWhenTold(htmx) {
  document.addEventListener("htmx:oobAfterSwap", ({ detail }) => {
    if (detail.target.id === "reread") void reread(htmx, MOVING);
    else if (detail.target.id.startsWith("facts-")) rereadBeside(htmx);
  });
  return (message) => {
    if (message.type === "hello" && message.state === "reset") void reread(htmx, MOVING);
  };
}

let due = false;

function rereadBeside(htmx) {
  if (due) return;
  due = true;
  setTimeout(() => {
    due = false;
    void reread(htmx, BESIDE);
  }, Math.random() * WITHIN);
}

const rereading = new Set();

// What tells it may come several times at once.
async function reread(htmx, which) {
  const ids = [...document.querySelectorAll(which)].map(({ id }) => `#${id}`);
  if (rereading.has(which) || ids.length === 0) return;
  rereading.add(which);
  const request = { redirect: "manual", headers: { Accept: "text/html" } };
  const answer = await fetch(location.href, request).catch(() => null);
  const page = answer?.ok ? await answer.text() : null;
  rereading.delete(which);
  if (!page) return;
  htmx.swap(document.body, page, { swapStyle: "none" }, { selectOOB: [...new Set(ids)].join(",") });
  // What the stream brought while the page was read is newer.
  correctOffers(document);
}
