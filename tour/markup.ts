import { type ConfigData, HtmlValidate } from "html-validate";

const rules: ConfigData["rules"] = {
  // HTML lets the doctype be written in any case.
  "doctype-style": "off",
  // A button in a form sends it, which is what ours are for.
  "no-implicit-button-type": "off",
  // Of what comes from elsewhere; nothing does.
  "require-sri": ["error", { target: "crossorigin" }],
};
const pages = new HtmlValidate({ root: true, extends: ["html-validate:recommended", "html-validate:document"], rules });
const fragments = new HtmlValidate({
  root: true,
  extends: ["html-validate:recommended"],
  // A row's list and a cell's table are in the page that it is for, and of what comes several times in one answer the page
  // takes the last.
  rules: { ...rules, "element-permitted-parent": "off", "no-dup-id": "off" },
});

/** What is wrong with a page's or a fragment's markup, in words, each with where it is; nothing when it is valid HTML. */
export async function faultsIn(html: string): Promise<string[]> {
  const validator = /^\s*<!doctype/i.test(html) ? pages : fragments;
  const { results } = await validator.validateString(html);
  return results.flatMap(({ messages }) =>
    messages.map(({ ruleId, message, line, column }) => `${ruleId}: ${message} (${near(html, line, column)})`),
  );
}

function near(html: string, line: number, column: number): string {
  const text = html.split("\n")[line - 1] ?? "";
  return text.slice(Math.max(0, column - 30), column + 60).trim();
}
