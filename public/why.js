const LINK = ".inbox-reason";
const OPEN = ".why:not(:empty)";

/**
 * The reason under a notification opens a panel: why it came, and what can be done about it. At most one is open; the same
 * link again or Escape closes it, and it stays when its row is replaced. Without htmx the link leads to a page.
 */
export function openReasons() {
  document.addEventListener("htmx:beforeRequest", (event) => {
    const link = event.detail.elt;
    if (!link.matches(LINK)) return;
    const again = link.closest("li").querySelector(OPEN);
    close();
    if (again) event.preventDefault();
  });
  document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
    if (target?.matches(OPEN)) mark(target, "true");
  });
  document.addEventListener("htmx:oobBeforeSwap", ({ detail: { target, fragment } }) => keep(target, fragment));
  // Before the toasts, which would take the key for theirs.
  document.addEventListener("keydown", closeByKey, true);
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
  const successor = panel && fragment.querySelector(`#${CSS.escape(target.id)} .why`);
  if (!successor) return;
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
