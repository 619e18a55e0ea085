const REMEMBERED = 300;
/** @type {Map<string, Element>} */ const latest = new Map();

/**
 * Takes the pieces out of a fragment that say how listings stand, and puts their words beside every row and toast of this
 * page, and of the fragment, that offered one of them. They are remembered for what comes later: a toast may be late.
 * @param {DocumentFragment} content before it is swapped in
 */
export function takeStandings(content) {
  for (const piece of content.querySelectorAll("i[data-about]")) {
    piece.remove();
    remember(piece);
    correctOffers(document, `[data-about="${piece.dataset.about}"]`);
  }
  correctOffers(content);
}

/** Says of the listings that this page knows better how they stand. */
export function correctOffers(root, which = "[data-about]") {
  for (const offering of root.querySelectorAll(`${which}[data-offer]`))
    correct(offering, latest.get(offering.dataset.about));
}

/**
 * A piece of the page in a new state of its listing, for somebody who is told the state and nothing more.
 * @param {Element} news has the state
 * @param {Element} place the piece as the page has it
 */
export function inState(news, place) {
  const next = place.cloneNode(true);
  Object.assign(next.dataset, { status: news.dataset.status, version: news.dataset.version });
  // What it was a moment ago goes with the piece that tells of it: nobody would take it from this one.
  for (const was of next.querySelectorAll(".was")) was.remove();
  next.querySelector(".pill")?.replaceWith(news.querySelector(".pill"));
  next.setAttribute("hx-swap-oob", "true");
  return next;
}

function remember(piece) {
  const { about, version } = piece.dataset;
  const known = latest.get(about);
  if (known && Number(known.dataset.version) > Number(version)) return;
  // What changed last is forgotten last.
  latest.delete(about);
  latest.set(about, piece);
  if (latest.size > REMEMBERED) latest.delete(latest.keys().next().value);
}

function correct(offering, piece) {
  const slot = offering.querySelector(".standing");
  if (!piece || !slot || Number(slot.dataset.version) > Number(piece.dataset.version)) return;
  slot.dataset.version = piece.dataset.version;
  const words = piece.querySelector(`[data-offer="${offering.dataset.offer}"]`);
  if ((words?.textContent ?? "") === slot.textContent) return;
  // A toast that is shown has been read out, and is not to be again.
  if (offering.isConnected) slot.setAttribute("aria-live", "off");
  slot.replaceChildren(...(words?.cloneNode(true).childNodes ?? []));
}
