import { tellChange } from "./changes.js";
import { asOfNow, isWanted, rememberQuiet, takePlaces } from "./rows.js";
import { inState, takeStandings } from "./standing.js";

const REMEMBERED = 500;
const shown = new Set();

/**
 * Defines the htmx extension "fragments": before a pushed or answered fragment is swapped in, it loses what this page
 * has no place for, what it has shown already, and what is older than what it shows.
 */
export function defineFragments(htmx) {
  htmx.defineExtension("fragments", { transformResponse: prune });
}

/** The toasts of a fragment, without all that came with them; they have waited until somebody looks, and say so. */
export function onlyToasts(html) {
  return toastsIn(parse(html).content)
    .filter((toast) => !isInPlace(toast))
    .map((toast) => {
      toast.dataset.late = "";
      return toast.outerHTML;
    })
    .join("");
}

function prune(html, _xhr, place) {
  if (!/hx-swap-oob|data-notification|data-about/.test(html) || /^\s*<(!doctype|html)/i.test(html)) return html;
  const parsed = parse(html);
  const root = parsed.content;
  const layers = [root, ...[...root.querySelectorAll("template")].map((template) => template.content)];
  takeStandings(root);
  for (const piece of root.querySelectorAll("[data-gone]")) remember(piece.dataset.gone);
  for (const layer of layers) {
    const toasts = toastsIn(layer);
    if (place?.id === "toasts") showOnceEach(toasts.filter((toast) => !isInPlace(toast)));
    for (const toast of toasts.filter(isInPlace)) rememberQuiet(toast);
    for (const element of layer.querySelectorAll("[hx-swap-oob]")) settle(element, root);
    lastOfEach(layer.querySelectorAll("[hx-swap-oob='true']"));
    lastOfEach(layer.querySelectorAll("[hx-swap-oob]:not([hx-swap-oob='true']) > [id]"));
  }
  return parsed.innerHTML;
}

// A document made this way runs nothing and loads nothing.
function parse(html) {
  return new DOMParser().parseFromString(`<template>${html}</template>`, "text/html").querySelector("template");
}

function isInPlace(toast) {
  return toast.hasAttribute("hx-swap-oob");
}

function toastsIn(content) {
  return [...content.querySelectorAll("article[data-notification]")];
}

// A poll brings several, oldest first; the stack has the newest on top.
function showOnceEach(toasts) {
  for (const told of toasts) {
    const toast = asOfNow(told);
    const { notification } = toast.dataset;
    if (shown.has(notification)) toast.remove();
    else if (takePlaces(toast, document.querySelector("#toasts"))) toast.parentNode.prepend(toast);
    remember(notification);
  }
}

// What has been shown is not shown again, and what has been taken back not for the first time.
function remember(notification) {
  shown.add(notification);
  if (shown.size > REMEMBERED) shown.delete(shown.values().next().value);
}

function settle(element, root) {
  const { selector, adds } = destination(element);
  const target = document.querySelector(selector);
  if (adds) settleChildren(element, target, root);
  if (!target || (adds ? element.childElementCount === 0 : isOld(element, target))) return element.remove();
  if (element.hasAttribute("data-state-only")) element.replaceWith(inState(element, target));
  else if (!adds) tellChange(element, target);
}

function settleChildren(element, target, root) {
  for (const child of [...element.children]) {
    const shown = child.id && document.getElementById(child.id);
    if (shown && !isOld(child, shown)) replaceInstead(child, root);
    else if (shown || (target && !isWanted(child, target)) || isFromBefore(child, target)) child.remove();
    else if (target) takePlaces(child, target);
  }
}

// Of what comes several times in one fragment the last one counts.
function lastOfEach(elements) {
  const later = new Set();
  for (const element of [...elements].reverse()) {
    if (later.has(element.id)) element.remove();
    later.add(element.id);
  }
}

// The ways in which htmx reads the attribute: "true", a style, or a style and a selector.
function destination(element) {
  const value = element.getAttribute("hx-swap-oob");
  const colon = value.indexOf(":");
  const selector = colon > 0 ? value.slice(colon + 1) : `#${CSS.escape(element.id)}`;
  const style = colon > 0 ? value.slice(0, colon) : value;
  return { selector, adds: ["afterbegin", "beforeend", "beforebegin", "afterend"].includes(style) };
}

// Of the same version it is no change, and must not look like one: after a reconnect some come again to be safe.
function isOld(element, target) {
  const [version, revision] = ["version", "revision"].map((name) =>
    [element.dataset[name], target.dataset[name]].map(Number),
  );
  return version[0] <= version[1] || revision[0] < revision[1];
}

// A list says as of which revision of the inbox it was made: what it has not got by then is not in it for a reason.
function isFromBefore(row, list) {
  return Number(row.dataset.revision) <= Number(list?.dataset.revision);
}

// In a template of its own, since a table's row is lost by the parser anywhere else.
function replaceInstead(child, root) {
  const template = root.ownerDocument.createElement("template");
  child.setAttribute("hx-swap-oob", "true");
  template.content.append(child);
  root.append(template);
}
