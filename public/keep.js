const FIELDS = "input[id]:not([type=hidden]), textarea[id], select[id]";
const MARK = "keeps-focus";

/**
 * When a piece of the page is replaced, what the reader has typed, opened or focused in it stays. Fields are known
 * again by id; what has the focus, by its kind and where it leads.
 */
export function keepReadersPlace() {
  document.addEventListener("htmx:oobBeforeSwap", ({ detail: { target, fragment } }) => {
    const successor = target.id && fragment.querySelector(`#${CSS.escape(target.id)}`);
    if (!successor) return;
    keepTyped(target, successor);
    keepOpen(target, successor);
    keepFocus(target, successor);
  });
  keepFocusOfAnswers();
}

function keepTyped(target, successor) {
  for (const field of target.querySelectorAll(FIELDS)) {
    const next = successor.querySelector(`#${CSS.escape(field.id)}`);
    if (!next || !isChanged(field)) continue;
    next.value = field.value;
    next.checked = field.checked;
  }
}

function isChanged(field) {
  if (field.options) return [...field.options].some((option) => option.selected !== option.defaultSelected);
  return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
}

function keepOpen(target, successor) {
  const open = [...target.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent);
  for (const summary of successor.querySelectorAll("details > summary")) {
    if (open.includes(summary.textContent)) summary.parentElement.open = true;
  }
}

// htmx gives the focus to the element with the same id as the one that had it, so the two are given one.
function keepFocus(target, successor) {
  const focused = document.activeElement;
  if (!target.contains(focused) || focused.id) return;
  const same = [...successor.querySelectorAll(focused.localName)].find((element) => isLike(element, focused));
  if (!same) return;
  document.getElementById(MARK)?.removeAttribute("id");
  focused.id = MARK;
  same.id = MARK;
}

function isLike(element, focused) {
  const sameText = element.textContent === focused.textContent;
  if (focused.localName !== "a") return sameText && element.getAttribute("name") === focused.getAttribute("name");
  return element.getAttribute("href") === focused.getAttribute("href");
}

// The answer to a pressed button may replace the button: "Mark read" becomes "Mark unread".
function keepFocusOfAnswers() {
  let lost = null;
  document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
    const focused = document.activeElement;
    lost = target.contains(focused) ? { id: target.id, kind: focused.localName } : null;
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (!lost || document.activeElement !== document.body) return;
    document.getElementById(lost.id)?.querySelector(lost.kind)?.focus({ preventScroll: true });
    lost = null;
  });
}
