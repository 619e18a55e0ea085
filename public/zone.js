/** Chooses the browser's own time zone where the reader has not said which is theirs. */
export function guessTimeZone() {
  const select = document.querySelector("[data-guess-zone] select");
  const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!select || !own) return;
  // Browsers do not agree on what a zone is called: the server knows it by either name.
  if (![...select.options].some(({ value }) => value === own)) select.add(new Option(own.replaceAll("_", " "), own));
  select.value = own;
}
