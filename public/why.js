const LINK = ".inbox-reason";
const OPEN = ".why:not(:empty)";

/**
 * The reason under a notification opens a panel: why it came, and what can be done about it. At most one is open; the same
 * link again or Escape closes it, and it stays when its row is replaced. Without htmx the link leads to a page, and so it
 * does in a page of an earlier release: a row says no more of it than where that is.
 */
export function openReasons(htmx) {
  // Before htmx, of which a row that comes from the release before asks the same.
  document.addEventListener("click", (event) => follow(event, htmx), true);
  document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
    if (target?.matches(OPEN)) mark(target, "true");
  });
  document.addEventListener("htmx:oobBeforeSwap", ({ detail: { target, fragment } }) => keep(target, fragment));
  // Before the toasts, which would take the key for theirs.
  document.addEventListener("keydown", closeByKey, true);
}

function follow(event, htmx) {
  const link = event.target.closest(LINK);
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  event.stopPropagation();
  const row = link.closest("li");
  const again = row.querySelector(OPEN);
  close();
  if (!again) htmx.ajax("get", link.getAttribute("href"), { source: link, target: panelOf(row), swap: "innerHTML" });
}

function panelOf(row) {
  const panel = row.querySelector(".why") ?? document.createElement("div");
  panel.className = "why";
  if (!panel.parentElement) row.querySelector(".inbox-main").append(panel);
  return panel;
}

function close() {
  for (const panel of document.querySelectorAll(OPEN)) {
    mark(panel, "false");
    panel.replaceChildren();
  }
}

function mark(panel, expanded) {
  panel.closest("li")?.querySelector(LINK)?.setAttribute("aria-expanded", expanded);
}

function keep(target, fragment) {
  const panel = target.querySelector(OPEN);
  const row = panel && target.id && fragment.querySelector(`#${CSS.escape(target.id)}`);
  if (!row) return;
  const successor = panelOf(row);
  successor.replaceChildren(...[...panel.childNodes].map((node) => node.cloneNode(true)));
  mark(successor, "true");
}

function closeByKey(event) {
  const panel = event.key === "Escape" && event.target.closest(`li:has(> * > ${OPEN})`);
  if (!panel) return;
  event.preventDefault();
  const link = panel.querySelector(LINK);
  close();
  link.focus();
}
