// What the pages load. Everything here adds to pages that work without it.
import { alertWith } from "./alerts.js";
import { showState } from "./chip.js";
import { Connection } from "./connection.js";
import { pollWhileDown } from "./fallback.js";
import { guardForms } from "./forms.js";
import { defineFragments } from "./fragments.js";
import { keepReadersPlace } from "./keep.js";
import { reloadOnReset } from "./reset.js";
import { feedHtmx } from "./source.js";
import { writeTimes } from "./times.js";
import { countInTitle } from "./title.js";
import { Toasts } from "./toasts.js";

const { htmx } = window;
const alerts = alertWith(document.querySelector("#alerts"));

writeTimes();
new Toasts(document.querySelector("#toasts"));
if (htmx) keepReadersPlace();
if (htmx && document.body.dataset.user) goLive();
else guardForms(alerts);

// Runs before DOMContentLoaded, at which htmx reads the page and asks for its source.
function goLive() {
  const start = { cursor: Number(document.body.dataset.cursor), at: document.body.dataset.at };
  const parts = [];
  const connection = new Connection(globalThis, (message) => {
    for (const part of parts) part(message);
  });
  defineFragments(htmx);
  countInTitle();
  guardForms(alerts, connection);
  parts.push(
    feedHtmx(htmx, (url) => connection.open(url, start)),
    showState(document.querySelector("#connection"), alerts),
    pollWhileDown(htmx, document.querySelector("#fallback"), connection, start),
    reloadOnReset(htmx),
  );
  wakeWithPage(connection);
}

function wakeWithPage(connection) {
  window.addEventListener("online", () => connection.setOnline(true));
  window.addEventListener("offline", () => connection.setOnline(false));
  document.addEventListener("visibilitychange", () => document.hidden || connection.wake());
  // A page that the browser keeps for the Back button must hold no connection.
  window.addEventListener("pagehide", () => connection.pause());
  window.addEventListener("pageshow", (event) => event.persisted && connection.wake());
}
