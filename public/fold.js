/**
 * Takes toasts off the stack and counts them in its last line, "47 more – open notifications".
 * @param {HTMLElement} stack
 * @param {Element[]} toasts at least one
 * @returns {HTMLElement} the line
 */
export function foldInto(stack, toasts) {
  const line = stack.querySelector(":scope > [data-more]:not(.is-leaving)") ?? addLine(stack, toasts[0]);
  const missed = toasts.map((toast) => Number(toast.dataset.missed ?? 1));
  const more = missed.reduce((sum, count) => sum + count, Number(line.dataset.more));
  line.dataset.more = String(more);
  line.querySelector(".toast-text").firstChild.data = `${more.toLocaleString()} more – open notifications`;
  if (toasts.some((toast) => toast.hasAttribute("data-keep"))) line.dataset.keep = "";
  for (const toast of toasts) toast.remove();
  return line;
}

function addLine(stack, model) {
  const line = document.createElement("article");
  line.className = "toast toast-summary";
  line.dataset.more = "0";
  const link = document.createElement("a");
  link.className = "toast-link";
  link.href = "/notifications";
  const text = document.createElement("span");
  text.className = "toast-text";
  text.append(" ");
  link.append(text);
  line.append(link, model.querySelector("[data-dismiss]").cloneNode(true));
  stack.append(line);
  return line;
}
