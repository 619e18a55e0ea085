import { afterSwaps } from "./after-swaps.js";

const LISTS = ".thread[id], #threads, #inbox[data-most]";

/** Whatever order its pieces came in: messages stand in that of their ids, and a list of threads in its own. */
export function keepOrder() {
  afterSwaps(() => {
    for (const list of document.querySelectorAll(LISTS)) arrange(list);
  });
}

function arrange(list) {
  const focused = document.activeElement;
  const wanted = [...list.children].sort({ threads: byWait, inbox: byNumber }[list.id] ?? bySaid);
  for (const [index, child] of wanted.entries()) {
    if (list.children[index] !== child) list.insertBefore(child, list.children[index]);
  }
  const most = Number(list.dataset.most) || wanted.length;
  for (const child of wanted.slice(most)) if (!child.contains(focused)) child.remove();
  // What is moved loses the focus.
  if (document.activeElement !== focused && focused?.isConnected) focused.focus({ preventScroll: true });
}

function byNumber(one, other) {
  return Number(other.dataset.notification) - Number(one.dataset.notification);
}

// "Seen" comes after the message that it is about.
function bySaid(one, other) {
  const before = Number(one.dataset.order) - Number(other.dataset.order);
  return before || Number(one.matches(".seen")) - Number(other.matches(".seen"));
}

// Who has waited longest, then those who wait for nothing, last written in first. A buyer's list has nobody who waits.
function byWait(one, other) {
  const [waits, otherWaits] = [one, other].map(({ dataset }) => Number(dataset.waiting) || Number.MAX_SAFE_INTEGER);
  return waits - otherWaits || Number(other.dataset.last) - Number(one.dataset.last);
}
