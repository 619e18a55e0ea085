import { afterSwaps } from "./after-swaps.js";

const MARGIN = 24;
const THREAD = ".thread[id]";

/**
 * While a conversation is open: what comes in moves neither the reader nor the box, except that who is at its end stays
 * there; and what is before the reader's eyes counts as seen.
 * @returns {(message: import("./stream.js").Message) => void}
 */
export function followConversation() {
  beginAtEnd();
  stayInPlace();
  afterSwaps(tellSeen);
  document.addEventListener("visibilitychange", tellSeen);
  document.addEventListener("DOMContentLoaded", tellSeen);
  return (message) => {
    if (message.type === "state" && message.state === "live") tellSeen();
  };
}

function beginAtEnd() {
  const thread = document.querySelector(THREAD);
  const [navigation] = performance.getEntriesByType("navigation");
  if (!thread || location.hash || ["reload", "back_forward"].includes(navigation?.type)) return;
  const { bottom } = (thread.nextElementSibling ?? thread).getBoundingClientRect();
  if (bottom > innerHeight) scrollBy({ top: bottom - innerHeight + MARGIN, behavior: "instant" });
}

function stayInPlace() {
  let place = null;
  document.addEventListener("htmx:oobBeforeSwap", ({ detail: { target, fragment } }) => {
    if (!target.matches(THREAD)) return;
    place ??= placeIn(target);
    const successor = fragment.querySelector(`#${target.id}`);
    if (successor) keepNewer(target, successor);
  });
  afterSwaps(() => {
    const element = place && document.getElementById(place.id);
    if (element) scrollBy({ top: element.getBoundingClientRect().top - place.top, behavior: "instant" });
    place = null;
  });
}

// At the end the box stays where it is, further up the first message that is seen.
function placeIn(thread) {
  const end = thread.nextElementSibling ?? thread;
  const atEnd = thread.getBoundingClientRect().bottom <= innerHeight;
  const element = atEnd ? end : [...thread.children].find((child) => child.getBoundingClientRect().bottom > 0);
  return element ? { id: element.id, top: element.getBoundingClientRect().top } : null;
}

// A page that was read again may be older than what has come meanwhile.
function keepNewer(thread, successor) {
  const last = Math.max(...[...successor.querySelectorAll(".message")].map(({ dataset }) => Number(dataset.order)));
  for (const child of thread.children) {
    const same = successor.querySelector(`#${child.id}`);
    if (!same && Number(child.dataset.order) > last) successor.append(child.cloneNode(true));
    if (Number(same?.dataset.version) < Number(child.dataset.version)) same.replaceWith(child.cloneNode(true));
  }
}

let told = 0;

async function tellSeen() {
  const thread = document.querySelector(`${THREAD}[data-seen]`);
  const last = [...(thread?.querySelectorAll(".message[data-mine='false']") ?? [])].at(-1);
  const upTo = Number(last?.dataset.order ?? 0);
  if (document.hidden || upTo <= Math.max(told, Number(thread?.dataset.upTo ?? 0))) return;
  told = upTo;
  const request = { method: "POST", headers: { "HX-Request": "true" }, body: new URLSearchParams({ upTo }) };
  const answer = await fetch(thread.dataset.seen, request).catch(() => null);
  // It is told again with whatever comes next.
  if (!answer?.ok && told === upTo) told = 0;
}
