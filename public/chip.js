const HICCUP = 3_000;
const BACK_FOR = 8_000;

/**
 * Keeps the connection chip. Its words are in the page for every state, so only the state is set; after an absence it
 * says for a while how long that was, and that nothing of it is missing.
 * @param {HTMLElement | null} chip
 * @param {ReturnType<typeof import("./alerts.js").alertWith>} alerts is told when the reader is signed out
 * @returns {(message: import("./stream.js").Message | import("./link.js").Back) => void}
 */
export function showState(chip, alerts) {
  let state = "connecting";
  let waiting;
  let leaving;
  const show = () => {
    clearTimeout(waiting);
    waiting = undefined;
    if (chip) chip.dataset.state = state;
    if (state !== "live") forget();
  };
  const forget = () => {
    clearTimeout(leaving);
    chip?.removeAttribute("data-back");
  };
  return (message) => {
    if (message.type === "back" && chip) {
      chip.querySelector("[data-for='back']").textContent = inWords(message);
      chip.dataset.back = "";
      leaving = setTimeout(forget, BACK_FOR);
    }
    if (message.type !== "state") return;
    state = message.state;
    if (state === "signed-out") sayGoodbye(alerts, message.reason);
    // Most drops are over before anybody would have needed to know.
    const hiccup = chip?.dataset.state === "live" && state !== "live" && state !== "signed-out";
    if (hiccup) waiting ??= setTimeout(show, HICCUP);
    else show();
  };
}

/** @param {import("./link.js").Back} back @returns such as "Away 42 s, 3 missed, all here" */
export function inWords({ away, missed }) {
  const seconds = Math.round(away / 1000);
  const time = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60).toLocaleString()} min`;
  return missed > 0 ? `Away ${time}, ${missed.toLocaleString()} missed, all here` : `Away ${time}, nothing missed`;
}

function sayGoodbye(alerts, reason) {
  if (reason === "another") {
    const link = { href: location.href, text: "Show it as you are signed in now" };
    return alerts.show(
      "signed-out",
      "Somebody else has signed in in this browser, so this page no longer brings news.",
      link,
    );
  }
  const here = encodeURIComponent(location.pathname + location.search);
  const link = { href: `/sign-in?next=${here}`, text: "Sign in again" };
  alerts.show("signed-out", "You are signed out, so this page no longer brings news.", link);
}
