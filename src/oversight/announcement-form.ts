import { z } from "zod";
import type { AnnouncedTo } from "../events/catalogue.ts";
import { line, parseForm, text } from "../forms.ts";
import type { Draft } from "../notifications/announcements.ts";

export const MOST_TITLE = 80;
export const MOST_TEXT = 1000;

/** To whom something can be announced, in the words of the form. */
export const audiences: { value: AnnouncedTo; text: string }[] = [
  { value: "buyer", text: "All buyers" },
  { value: "seller", text: "All sellers" },
  { value: "everybody", text: "Buyers and sellers" },
];

const role = z.enum(["buyer", "seller", "everybody"], "Choose who is to be told.");
const typed = { role, title: line("a title", MOST_TITLE), text: text("what you announce", MOST_TEXT) };
const draft = z.object(typed);
// A program that knows of no title sends none: the beginning of the text is one. A token is a browser's, from the form.
const sending = z.object({ ...typed, title: typed.title.optional(), token: z.uuid().optional().catch(undefined) });

/** What is to be announced, as the form brought it. @throws InvalidError */
export function parseDraft(body: unknown): Draft {
  const { role: to, ...words } = parseForm(draft, body);
  return { to, ...words };
}

/** The same, to be sent, with the token of the form if it has one. @throws InvalidError */
export function parseSending(body: unknown): Draft & { token: string | undefined } {
  const { role: to, title, text: words, token } = parseForm(sending, body);
  return { to, title: title ?? titleOf(words), text: words, token };
}

function titleOf(words: string): string {
  const [first = ""] = words.split("\n");
  return first.length <= MOST_TITLE
    ? first
    : `${Array.from(first)
        .slice(0, MOST_TITLE / 2)
        .join("")
        .trimEnd()}…`;
}
