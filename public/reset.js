import { correctOffers } from "./standing.js";

const MOVING = "#badge, #inbox, [data-listing][id], [id^='actions-'], .thread[id], #threads, #reserved, #events";
const MOST_TRIES = 5;
const LONGEST = 30_000;
const PASSING = Symbol("it may come later");

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

let [wanted, reading] = [false, false];

// What tells it may come several times at once, and again while the page is being read.
async function reread(htmx) {
  wanted = true;
  if (reading) return;
  reading = true;
  // One swap may say so several times over.
  await null;
  for (let tries = 0; wanted; tries += 1) {
    wanted = false;
    const before = stateNow();
    const page = await read();
    // What came meanwhile is newer than what was read.
    const late = page !== null && stateNow() !== before && tries < MOST_TRIES;
    if (page === PASSING) await pause(tries);
    if (page === PASSING || late) wanted = true;
    else if (page !== null) show(htmx, page);
  }
  reading = false;
}

/** @returns {Promise<string | symbol | null>} the page; PASSING when it may come later; null when it is not there for us */
async function read() {
  const request = { redirect: "manual", headers: { Accept: "text/html" } };
  try {
    const answer = await fetch(location.href, request);
    if (answer.ok) return await answer.text();
    return answer.status >= 500 || answer.status === 429 ? PASSING : null;
  } catch {
    return PASSING;
  }
}

function show(htmx, page) {
  const read = new DOMParser().parseFromString(page, "text/html");
  const moving = [...document.querySelectorAll(MOVING)].filter(
    (shown) => !isOlder(read.getElementById(shown.id), shown),
  );
  const selectOOB = [...new Set(moving.map(({ id }) => `#${id}`))].join(",");
  if (selectOOB) htmx.swap(document.body, page, { swapStyle: "none" }, { selectOOB });
  correctOffers(document);
}

function isOlder(read, shown) {
  return ["version", "revision"].some((name) => Number(read?.dataset[name]) < Number(shown.dataset[name]));
}

/** As of which versions everything is that moves: anything that the stream brings makes another one of it. */
function stateNow() {
  const pieces = document.querySelectorAll(`:is(${MOVING}), :is(${MOVING}) [id]`);
  return [...pieces].map(({ id, dataset }) => `${id} ${dataset.version} ${dataset.revision}`).join();
}

function pause(tries) {
  const ms = Math.min(LONGEST, 1000 * 2 ** tries);
  return new Promise((resolve) => setTimeout(resolve, ms * (0.5 + Math.random() / 2)));
}
