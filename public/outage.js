import { inWords } from "./chip.js";

const AFTER = 5_000;
const SAID_FOR = 10_000;
const WORDS = {
  offline: ["You are offline.", "This page will catch up by itself when the connection is back."],
  interrupted: ["Live updates are interrupted.", "This page looks for news every 10 seconds meanwhile."],
};

/**
 * Says, five seconds after the stream was lost and until it is back, that the page is not live and up to when it holds.
 * @param {HTMLElement | null} region polite, and empty while all is well
 * @param {string} at the server's time at which the page was made (ISO)
 * @param {() => void} retry
 * @returns {(message: import("./stream.js").Message | import("./link.js").Back) => void}
 */
export function sayWhenAway(region, at, retry) {
  let waiting;
  let fresh = at;
  const clear = () => {
    clearTimeout(waiting);
    waiting = undefined;
    region.replaceChildren();
  };
  return (message) => {
    if (!region) return;
    if (message.type === "position" && message.at) {
      fresh = message.at;
      writeTime(region, fresh);
    }
    if (message.type === "back") whisper(region, inWords(message));
    if (message.type !== "state") return;
    if (message.state === "live" || message.state === "signed-out") return clear();
    const words = message.state === "offline" ? WORDS.offline : WORDS.interrupted;
    const show = () => {
      waiting = undefined;
      if (region.dataset.said === words[0] && region.firstChild) return;
      region.dataset.said = words[0];
      region.replaceChildren(...notice(words, retry));
      writeTime(region, fresh);
    };
    clearTimeout(waiting);
    waiting = setTimeout(show, Math.max(0, message.since + AFTER - Date.now()));
  };
}

function notice([title, text], retry) {
  const words = document.createElement("p");
  const lead = document.createElement("strong");
  lead.textContent = title;
  const age = document.createElement("span");
  age.className = "outage-age";
  // It changes with every answer, which nobody wants to hear.
  age.setAttribute("aria-live", "off");
  age.append("As of ", document.createElement("time"), ".");
  words.append(lead, ` ${text} `, age);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button-small";
  button.textContent = "Retry now";
  button.addEventListener("click", retry);
  return [words, button];
}

function writeTime(region, at) {
  const time = region.querySelector("time");
  if (!time) return;
  time.dateTime = at;
  time.textContent = new Date(at).toLocaleTimeString(navigator.languages);
}

// Who sees the page reads it in the chip.
function whisper(region, text) {
  const words = document.createElement("p");
  words.className = "visually-hidden";
  words.textContent = `Live updates are back. ${text}.`;
  region.replaceChildren(words);
  setTimeout(() => words.remove(), SAID_FOR);
}
