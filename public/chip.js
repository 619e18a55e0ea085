const HICCUP = 3_000;

/**
 * Keeps the connection chip. Its words are in the page for every state, so only the state is set.
 * @param {HTMLElement | null} chip
 * @param {ReturnType<typeof import("./alerts.js").alertWith>} alerts is told when the reader is signed out
 * @returns {(message: import("./stream.js").Message) => void}
 */
export function showState(chip, alerts) {
  let state = "connecting";
  let waiting;
  const show = () => {
    clearTimeout(waiting);
    waiting = undefined;
    if (chip) chip.dataset.state = state;
  };
  return (message) => {
    if (message.type !== "state") return;
    state = message.state;
    if (state === "signed-out") sayGoodbye(alerts);
    // Most drops are over before anybody would have needed to know.
    const hiccup = chip?.dataset.state === "live" && state !== "live" && state !== "signed-out";
    if (hiccup) waiting ??= setTimeout(show, HICCUP);
    else show();
  };
}

function sayGoodbye(alerts) {
  const here = encodeURIComponent(location.pathname + location.search);
  const link = { href: `/sign-in?next=${here}`, text: "Sign in again" };
  alerts.show("signed-out", "You are signed out, so this page no longer brings news.", link);
}
