/**
 * Brings what says how everything fares up to date where it stands. Nothing of it is taken away and put there anew, so that
 * what is selected, has the focus or is being read out stays; and nothing moves while the page is paused.
 */
export function followHealth() {
  const controls = document.querySelector("#health-controls");
  if (controls) offerPause(controls);
  document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
    const { target, fragment } = detail;
    if (target.id !== "health" && target.id !== "health-strip") return;
    detail.shouldSwap = false;
    if (!document.querySelector("[data-paused='true']")) bring(target, fragment.firstElementChild);
  });
}

function offerPause(controls) {
  const button = controls.querySelector("button");
  button.addEventListener("click", () => {
    const paused = button.dataset.paused !== "true";
    button.dataset.paused = String(paused);
    button.querySelector("span").textContent = paused ? "Resume" : "Pause";
  });
  controls.hidden = false;
}

function bring(shown, news) {
  if (shown.nodeName !== news.nodeName) return shown.replaceWith(news.cloneNode(true));
  if (shown.nodeType !== Node.ELEMENT_NODE) {
    if (shown.data !== news.data) shown.data = news.data;
    return;
  }
  for (const { name } of [...shown.attributes]) if (!news.hasAttribute(name)) shown.removeAttribute(name);
  for (const { name, value } of news.attributes) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  const [before, now] = [[...shown.childNodes], [...news.childNodes]];
  for (const [at, child] of now.entries()) {
    if (before[at]) bring(before[at], child);
    else shown.append(child.cloneNode(true));
  }
  for (const gone of before.slice(now.length)) gone.remove();
}
