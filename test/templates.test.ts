import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createTemplates } from "../src/templates.ts";

function rendered(template: string, data: object): string {
  const folder = mkdtempSync(path.join(tmpdir(), "stockbell-views-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, "piece.eta"), template);
  return createTemplates(folder, true).render("/piece", data);
}

test("how a template is set out in lines is not sent: a line break beside a tag is nothing", () => {
  const list = `
<ul>
  <% for (const name of it.names) { %>

    <% if (name) { %>
    <li><b><%= name %></b> <i>there</i></li>
    <% } %>
  <% } %>
</ul>
`;
  expect(rendered(list, { names: ["Bea", "", "Otto"] })).toBe(
    "<ul><li><b>Bea</b> <i>there</i></li><li><b>Otto</b> <i>there</i></li></ul>",
  );
});

test("between words a line break is a space, and what somebody typed keeps its own", () => {
  expect(rendered("<p>One\n  two\n  <%= it.three %>\n\n  four</p>\n", { three: "a\n  b" })).toBe(
    "<p>One two a\n  b four</p>",
  );
});
