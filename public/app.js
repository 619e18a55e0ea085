// What the pages of people who are signed in load. Everything here adds to pages that work without it.
import { alertWith } from "./alerts.js";
import { forgetChanges } from "./changes.js";
import { showState } from "./chip.js";
import { hearServer } from "./clock.js";
import { followConversation } from "./conversation.js";
import { countDown } from "./countdown.js";
import { guardForms } from "./forms.js";
import { defineFragments } from "./fragments.js";
import { seeWhatComes, walkInbox } from "./inbox.js";
import { keepReadersPlace } from "./keep.js";
import { Link } from "./link.js";
import { keepOrder } from "./order.js";
import { sayWhenAway } from "./outage.js";
import { rereadWhenTold } from "./reset.js";
import { tellWhatIsShown } from "./sightings.js";
import { feedHtmx } from "./source.js";
import { writeTimes } from "./times.js";
import { clearIcon, countInTitle } from "./title.js";
import { Toasts } from "./toasts.js";
import { openReasons } from "./why.js";
import { guessTimeZone } from "./zone.js";

const { htmx } = window;
const alerts = alertWith(document.querySelector("#alerts"));

writeTimes();
walkInbox();
countDown();
new Toasts(document.querySelector("#toasts"));
guessTimeZone();
if (htmx) openReasons(htmx);
if (htmx) keepReadersPlace();
if (htmx) goLive();
else guardForms(alerts);

// Runs before DOMContentLoaded, at which htmx reads the page and asks for its source.
function goLive() {
  const { user, cursor, at } = document.body.dataset;
  const parts = [];
  const link = new Link(user, { cursor: Number(cursor), at }, (message) => {
    for (const part of parts) part(message);
  });
  defineFragments(htmx);
  countInTitle();
  seeWhatComes();
  guardForms(alerts, link);
  keepOrder();
  forgetChanges();
  tellWhatIsShown(document.querySelector("#toasts"));
  parts.push(
    feedHtmx(htmx, (url) => link.open(url)),
    showState(document.querySelector("#connection"), alerts),
    sayWhenAway(document.querySelector("#outage"), at, () => link.wake()),
    rereadWhenTold(htmx),
    (message) => message.type === "position" && hearServer(message.at),
    (message) => message.state === "signed-out" && clearIcon(),
    followConversation(),
  );
  wakeWithPage(link);
}

function wakeWithPage(link) {
  window.addEventListener("online", () => link.setOnline(true));
  window.addEventListener("offline", () => link.setOnline(false));
  document.addEventListener("visibilitychange", () => link.look(!document.hidden));
  window.addEventListener("focus", () => link.look(true));
  // A page that the browser keeps for the Back button must hold no connection.
  window.addEventListener("pagehide", () => link.pause());
  window.addEventListener("pageshow", (event) => event.persisted && link.wake());
}
