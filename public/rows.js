// What becomes of the rows and toasts that a page shows when others come.

/**
 * Edits of a listing that nobody has read yet are one row, and one toast: what brings the net of them takes the place of
 * what told of some.
 * @param {HTMLElement} news a row or a toast that comes; it goes where what is there tells of more
 * @param {HTMLElement} place where it is put
 * @returns {boolean} whether it stays
 */
export function takePlaces(news, place) {
  const { folds } = news.dataset;
  if (!folds) return true;
  for (const old of place.querySelectorAll(`:scope > [data-folds="${CSS.escape(folds)}"]`)) {
    if (old.dataset.read === "true" || old.contains(news)) continue;
    if (numberOf(old) > numberOf(news)) {
      news.remove();
      return false;
    }
    if (old.contains(document.activeElement)) focusLater(news.id);
    old.remove();
  }
  return true;
}

function numberOf(element) {
  return Number(element.dataset.notification);
}

const REMEMBERED = 100;
const newest = new Map();

/**
 * A toast that waited until somebody looks may tell of some edits only: it says what the latest quiet one said.
 * @param {HTMLElement} toast
 * @returns {HTMLElement} the toast to show
 */
export function asOfNow(toast) {
  const later = newest.get(toast.dataset.folds);
  if (!later || numberOf(later) <= numberOf(toast)) return toast;
  const shown = later.cloneNode(true);
  for (const name of ["hx-swap-oob", "aria-live"]) shown.removeAttribute(name);
  toast.replaceWith(shown);
  return shown;
}

/** @param {HTMLElement} toast a quiet one, which is shown in the place of an earlier one or not at all */
export function rememberQuiet(toast) {
  newest.delete(toast.dataset.folds);
  newest.set(toast.dataset.folds, toast.cloneNode(true));
  if (newest.size > REMEMBERED) newest.delete(newest.keys().next().value);
}

const CHOICES = ["kind", "about", "people"];

/**
 * Whether a row fits what the reader has asked to see.
 * @param {HTMLElement} row which may be of several people
 * @param {HTMLElement} list which says of what kind, about which listing and of whom its rows are, where that was chosen
 */
export function isWanted(row, list) {
  return CHOICES.every(
    (choice) => !list.dataset[choice] || wordsOf(row.dataset[choice]).includes(list.dataset[choice]),
  );
}

function wordsOf(text = "") {
  return text.split(" ");
}

// The reader was in the row that goes: once the new one is there, it is the same to them.
function focusLater(id) {
  setTimeout(() => document.getElementById(id)?.querySelector("a")?.focus({ preventScroll: true }));
}
