import { foldInto } from "./fold.js";

const MOST = 3;
const SHORTEST = 6_000;
const FOR_THREE_WORDS = 1_000;
const AFTER_PAUSE = 2_000;
const FAREWELL = 250;
const SPOKEN_WITHIN = 10_000;
const READ_OUT = 1_000;

/**
 * Keeps the stack of toasts, newest first. Each stays long enough to be read, longer while the pointer or the focus is
 * on the stack or the page is hidden; three are shown and older ones are folded into one line. F8 leads to the newest,
 * Escape dismisses and leads back; nothing else ever moves the focus. A toast marked data-keep stays until dismissed,
 * and so do all where the reader wants it: see data-keep-toasts in the page's frame. What is read out of a toast is its
 * sentence: the button that dismisses it is kept from screen readers until that has been said, or until the focus comes.
 */
export class Toasts {
  #stack;
  /** @type {Map<Element, { left: number, since: number, timer?: number }>} */ #clocks = new Map();
  #spokenAt = [];
  #origin = null;

  /** @param {HTMLElement} stack the live region, in which htmx puts what is new */
  constructor(stack) {
    this.#stack = stack;
    new MutationObserver(() => this.#look()).observe(stack, { childList: true });
    for (const change of ["mouseover", "mouseleave", "focusout"]) {
      stack.addEventListener(change, () => queueMicrotask(() => this.#run()));
    }
    stack.addEventListener("focusin", (event) => this.#enter(event.relatedTarget));
    stack.addEventListener("click", (event) => this.#click(event));
    document.addEventListener("visibilitychange", () => this.#run());
    document.addEventListener("keydown", (event) => this.#press(event));
    this.#look();
  }

  #look() {
    for (const toast of this.#clocks.keys()) if (!toast.isConnected) this.#forget(toast);
    for (const toast of this.#toasts().reverse()) if (!this.#clocks.has(toast)) this.#admit(toast);
    this.#fold(this.#tooMany());
    this.#run();
  }

  #admit(toast) {
    const pieces = [...(toast.querySelector(".toast-link") ?? toast).children].map((piece) => piece.textContent);
    const words = pieces.join(" ").split(/\s+/).filter(isWord).length;
    this.#clocks.set(toast, { left: Math.max(SHORTEST, (words / 3) * FOR_THREE_WORDS), since: 0 });
    this.#say(toast, MOST);
  }

  // A burst is not read out one by one: it is seen, and the folded line says how many there are.
  #say(toast, most) {
    holdBack(toast);
    setTimeout(() => admitButtons(toast), READ_OUT);
    const now = Date.now();
    this.#spokenAt = this.#spokenAt.filter((at) => now - at < SPOKEN_WITHIN);
    if (toast.ariaLive) return;
    if (this.#spokenAt.length >= most) toast.ariaLive = "off";
    else this.#spokenAt.push(now);
  }

  #fold(toasts) {
    if (toasts.length === 0) return;
    const line = foldInto(this.#stack, toasts);
    if (!this.#clocks.has(line)) this.#say(line, MOST + 1);
    this.#restart(line);
    for (const toast of toasts) this.#forget(toast);
  }

  #tooMany() {
    const toasts = this.#toasts();
    const free = toasts.filter((toast) => !toast.contains(document.activeElement));
    // Those that are to stay go last.
    const inTurn = [...free.filter(isKept), ...free.filter((toast) => !isKept(toast))];
    return inTurn.slice(inTurn.length - Math.max(0, toasts.length - MOST));
  }

  #run() {
    const hold = document.hidden || this.#stack.matches(":hover, :focus-within");
    for (const [toast, clock] of this.#clocks) {
      if (hold) this.#stop(clock);
      else if (!clock.timer && !isKept(toast)) this.#start(toast, clock);
    }
  }

  #start(toast, clock) {
    clock.since = Date.now();
    clock.timer = setTimeout(() => this.#dismiss(toast), clock.left);
  }

  #stop(clock) {
    if (!clock.timer) return;
    clearTimeout(clock.timer);
    clock.timer = undefined;
    clock.left = Math.max(AFTER_PAUSE, clock.left - (Date.now() - clock.since));
  }

  #restart(toast) {
    clearTimeout(this.#clocks.get(toast)?.timer);
    this.#clocks.set(toast, { left: SHORTEST, since: 0 });
  }

  #dismiss(toast) {
    const focused = toast.contains(document.activeElement);
    this.#forget(toast);
    toast.classList.add("is-leaving");
    if (focused) this.#goBack();
    setTimeout(() => toast.remove(), FAREWELL);
  }

  #forget(toast) {
    clearTimeout(this.#clocks.get(toast)?.timer);
    this.#clocks.delete(toast);
  }

  #click(event) {
    const toast = event.target.closest("[data-dismiss]")?.closest(".toast");
    if (toast) this.#dismiss(toast);
  }

  #press(event) {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    const newest = this.#stack.querySelector(":scope > .toast:not(.is-leaving)");
    if (!newest || event.target.closest?.("dialog, [popover]")) return;
    if (event.key === "Escape") this.#dismiss(document.activeElement?.closest("#toasts > .toast") ?? newest);
    if (event.key !== "F8") return;
    event.preventDefault();
    newest.querySelector("a, button").focus();
  }

  #enter(from) {
    if (!this.#stack.contains(from)) this.#origin = from;
    admitButtons(this.#stack);
    this.#run();
  }

  #goBack() {
    if (this.#origin?.isConnected) this.#origin.focus({ preventScroll: true });
    else document.activeElement?.blur();
  }

  #toasts() {
    return [...this.#stack.querySelectorAll(":scope > .toast:not(.is-leaving, [data-more])")];
  }
}

function isWord(text) {
  return /[\p{L}\p{N}]/u.test(text);
}

// Within the same turn in which it came, so that nobody has been told of it yet; and it is no news when it is admitted.
function holdBack(toast) {
  for (const button of toast.querySelectorAll("[data-dismiss]")) {
    Object.assign(button, { type: "button", tabIndex: -1, ariaHidden: "true", ariaLive: "off" });
  }
}

function admitButtons(place) {
  for (const button of place.querySelectorAll("[data-dismiss]")) {
    for (const name of ["aria-hidden", "tabindex"]) button.removeAttribute(name);
  }
}

function isKept(toast) {
  return toast.hasAttribute("data-keep") || document.body.hasAttribute("data-keep-toasts");
}
