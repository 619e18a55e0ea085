// Measures what a page shows. It is run in the page by the tests beside it, and answers with what is wrong.
globalThis.everyone = {
  small,
  low,
  sideways,
  cut,
  overlapping,
  faint,
  moving,
  longLines,
  hiddenFocus,
  ringless,
  inked,
  lines,
};

const TARGETS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";

function visible(element) {
  const { width, height } = element.getBoundingClientRect();
  return (
    width > 1 && height > 1 && element.checkVisibility({ visibilityProperty: true }) && !element.closest("[inert]")
  );
}

function nameOf(element) {
  const text = (element.getAttribute("aria-label") ?? element.textContent).trim().replaceAll(/\s+/g, " ").slice(0, 40);
  const kind = [...element.classList].map((name) => `.${name}`).join("");
  return `${element.localName}${element.id ? `#${element.id}` : ""}${kind} "${text}"`;
}

/** Targets below 24 by 24 that are neither in a line of text nor far enough from all others (2.5.8). */
function small(least = 24) {
  const targets = [...document.querySelectorAll(TARGETS)]
    .filter(visible)
    .map((element) => ({ element, ...areaOf(element) }));
  const isSmall = ({ width, height }) => width < least - 0.5 || height < least - 0.5;
  return targets
    .filter((target) => isSmall(target) && !inSentence(target.element))
    .filter((target) => targets.some((other) => other !== target && near(target, other, isSmall(other))))
    .map(({ element, width, height }) => `${nameOf(element)} ${Math.round(width)}×${Math.round(height)}`);
}

/** Of these elements those that are less high. */
function low(selector, least) {
  const shown = [...document.querySelectorAll(selector)].filter(visible);
  return shown.filter((element) => element.getBoundingClientRect().height < least - 0.5).map(nameOf);
}

// What a label names is pressed by the label as well, and a link may be spread over all of its card.
function areaOf(element) {
  const spread = getComputedStyle(element, "::after");
  const stretched = spread.position === "absolute" && spread.content !== "none" && spread.inset === "0px";
  const area = (stretched ? element.offsetParent : null) ?? element.closest("label") ?? element;
  return area.getBoundingClientRect().toJSON();
}

function inSentence(element) {
  if (getComputedStyle(element).display !== "inline") return false;
  return element.parentElement.textContent.trim().length > element.textContent.trim().length;
}

// Around the middle of a small one a circle of 24 must be free of other targets, and of the circles of small ones.
function near(target, other, otherIsSmall) {
  const [x, y] = middleOf(target);
  if (otherIsSmall && Math.hypot(x - middleOf(other)[0], y - middleOf(other)[1]) < 24) return true;
  const dx = Math.max(other.left - x, 0, x - other.right);
  const dy = Math.max(other.top - y, 0, y - other.bottom);
  return Math.hypot(dx, dy) < 12;
}

function middleOf({ left, top, width, height }) {
  return [left + width / 2, top + height / 2];
}

/** What is wider than the screen, or can be scrolled sideways within it. */
function sideways() {
  const wide = [...document.body.querySelectorAll("*")].filter((element) => {
    const { overflowX } = getComputedStyle(element);
    return (
      /auto|scroll/.test(overflowX) && element.scrollWidth > element.clientWidth + 1 && element.localName !== "textarea"
    );
  });
  const all = document.scrollingElement;
  return [...(all.scrollWidth > innerWidth ? [`page ${all.scrollWidth}`] : []), ...wide.map(nameOf)];
}

/** Elements that cut off their own text, but for those that say so by an ellipsis and lead to the whole of it. */
function cut() {
  return [...document.body.querySelectorAll("*")]
    .filter((element) => visible(element) && /hidden|clip/.test(getComputedStyle(element).overflow))
    .filter((element) => !element.matches(".visually-hidden, svg, svg *") && element.textContent.trim())
    .filter(
      ({ scrollWidth, clientWidth, scrollHeight, clientHeight }) =>
        scrollWidth > clientWidth + 1 || scrollHeight > clientHeight + 2,
    )
    .filter((element) => !hasEllipsis(element))
    .map(nameOf);
}

function hasEllipsis(element) {
  const { textOverflow, webkitLineClamp } = getComputedStyle(element);
  return textOverflow === "ellipsis" || webkitLineClamp !== "none";
}

/** Pairs of texts of the page itself that lie upon each other. */
function overlapping() {
  const texts = textsIn(document.body).filter(({ element }) => !element.closest("#toasts, #outage, .visually-hidden"));
  const pairs = [];
  for (const [at, one] of texts.entries()) {
    for (const other of texts.slice(at + 1))
      if (one.rects.some((a) => other.rects.some((b) => meet(a, b)))) pairs.push([one, other]);
  }
  return pairs.map(([one, other]) => `"${one.text}" on "${other.text}"`);
}

function textsIn(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    if (!text || !visible(element) || element.matches("option")) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const rects = [...range.getClientRects()]
      .map((rect) => shownOf(rect, element))
      .filter(({ width, height }) => width > 1 && height > 1);
    if (rects.length > 0 && !isClipped(element)) found.push({ element, text: text.slice(0, 30), rects });
  }
  return found;
}

/** What is left of a rectangle by whatever cuts off what goes beyond it. */
function shownOf(rect, element) {
  let { left, top, right, bottom } = rect;
  for (let at = element; at; at = at.parentElement) {
    if (!/hidden|clip|auto|scroll/.test(getComputedStyle(at).overflow) || at === document.body) continue;
    const box = at.getBoundingClientRect();
    [left, top] = [Math.max(left, box.left), Math.max(top, box.top)];
    [right, bottom] = [Math.min(right, box.right), Math.min(bottom, box.bottom)];
  }
  return { left, top, right, bottom, width: right - left, height: bottom - top };
}

function isClipped(element) {
  return (
    Boolean(element.closest(".visually-hidden")) ||
    getComputedStyle(element).clipPath !== "none" ||
    (element.parentElement && element !== document.body ? isClipped(element.parentElement) : false)
  );
}

function meet(a, b) {
  const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return across > 2 && down > Math.min(a.height, b.height) * 0.35;
}

/** Shapes that tell something and stand out from what is behind them by less than 3 to 1 (1.4.11). */
function faint() {
  const shapes = [
    ...of(".input, .choice-boxed", (style) => style.borderTopColor),
    ...of(".pill svg, .sign", (style) => style.fill),
    ...of("svg.icon", (style) => style.stroke),
    ...of(".nav a[aria-current]", (style) => style.borderBottomColor, "::after"),
    ...of(".tabs a[aria-current]", (style) => style.borderBottomColor),
    ...of(".inbox-row[data-read=false]", (style) => style.backgroundColor, "::before"),
    ...of(".badge:not([data-count='0']) .badge-number", (style) => style.backgroundColor, "", true),
    ...of(".chip-dot", (style) => style.borderTopColor, "", true),
    ...of(".timeline-item", (style) => style.borderTopColor, "::before"),
  ];
  return shapes.filter(({ ratio }) => ratio < 3).map(({ element, ratio }) => `${nameOf(element)} ${ratio.toFixed(2)}`);
}

function of(selector, colour, pseudo = "", outside = false) {
  return [...document.querySelectorAll(selector)].filter(visible).map((element) => {
    const behind = backgroundOf(outside ? element.parentElement : element);
    return { element, ratio: contrast(colour(getComputedStyle(element, pseudo)), behind) };
  });
}

function backgroundOf(element) {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
  return layers;
}

function contrast(colour, behind) {
  const [light, dark] = [luminance([...behind, colour]), luminance(behind)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

// Painted one over the other on what the browser has as its canvas.
function luminance(layers) {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  for (const layer of ["Canvas", ...layers]) {
    context.fillStyle = layer;
    context.fillRect(0, 0, 1, 1);
  }
  const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Whatever is animated or would go from one look to another, pseudo-elements included. */
function moving() {
  const still = (style) =>
    style.animationName === "none" && style.transitionDuration.split(", ").every((time) => time === "0s");
  const styles = (element) => ["", "::before", "::after"].map((pseudo) => getComputedStyle(element, pseudo));
  const named = [...document.querySelectorAll("*")].filter((element) => !styles(element).every(still)).map(nameOf);
  return [...named, ...document.getAnimations().map((animation) => `animation ${animation.animationName}`)];
}

/** Text of several lines with more than so many characters in a line. */
function longLines(most = 100) {
  return textsIn(document.body)
    .filter(({ rects }) => new Set(rects.map(({ top }) => Math.round(top))).size > 1)
    .filter(
      ({ element, rects }) =>
        Math.max(...rects.map(({ width }) => width)) / (Number.parseFloat(getComputedStyle(element).fontSize) * 0.46) >
        most,
    )
    .map(({ text }) => text);
}

/** What has the focus, where all of it lies beneath something else or off the screen; else null. */
function hiddenFocus() {
  const focused = document.activeElement;
  if (!focused || focused === document.body) return null;
  const { left, top, width, height } = areaOf(focused);
  for (const x of [0.02, 0.25, 0.5, 0.75, 0.98]) {
    for (const y of [0.05, 0.5, 0.95]) {
      const hit = document.elementFromPoint(left + width * x, top + height * y);
      if (hit && (focused.contains(hit) || hit.contains(focused) || hit.closest("label")?.contains(focused))) {
        if (hit !== document.body && hit !== document.documentElement) return null;
      }
    }
  }
  return nameOf(focused);
}

/** What has the focus, where no line of 3 to 1 around it says so; else null. */
function ringless() {
  const focused = document.activeElement;
  for (let at = focused; at && at !== document.body; at = at.parentElement) {
    const { outlineStyle, outlineWidth, outlineColor, outlineOffset } = getComputedStyle(at);
    if (outlineStyle === "none" || Number.parseFloat(outlineWidth) < 2) continue;
    const within = Number.parseFloat(outlineOffset) < 0;
    if (contrast(outlineColor, backgroundOf(within ? at : at.parentElement)) >= 3) return null;
  }
  return nameOf(focused);
}

/** The share of a picture that stands out from its most frequent colour by 3 to 1. @param png in base64 */
async function inked(png) {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, picture.width, picture.height);
  const counts = new Map();
  for (let at = 0; at < data.length; at += 4) {
    const colour = `rgb(${data[at]} ${data[at + 1]} ${data[at + 2]})`;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const [[ground]] = [...counts].sort(([, one], [, other]) => other - one);
  const standing = [...counts].filter(([colour]) => contrast(colour, [ground]) >= 3);
  return (standing.reduce((sum, [, count]) => sum + count, 0) * 4) / data.length;
}

/** In how many lines an element's text is written, and whether all of it is seen. */
function lines(element) {
  const { height } = element.getBoundingClientRect();
  const { lineHeight } = getComputedStyle(element);
  return {
    lines: Math.round(height / Number.parseFloat(lineHeight)),
    whole: element.scrollHeight <= element.clientHeight + 1,
  };
}
