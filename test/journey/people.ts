import type { BrowserContext, Page } from "playwright-core";
import type { Viewer } from "../../src/access.ts";
import { openContext } from "../browser.ts";
import { PASSWORD } from "../cast.ts";

/** Somebody at a browser of their own, signed in through the form. `requests` are those of the page since it was opened. */
export type AtBrowser = { context: BrowserContext; page: Page; requests: string[]; problems: string[] };

/** @param options of the browser's profile, such as javaScriptEnabled */
export async function atBrowser(
  url: string,
  person: Pick<Viewer, "email">,
  options: Parameters<typeof openContext>[0] = {},
): Promise<AtBrowser> {
  const context = await openContext({ baseURL: url, locale: "en-GB", ...options });
  const page = await context.newPage();
  const requests: string[] = [];
  const problems: string[] = [];
  page.on("request", (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  await page.goto("/sign-in");
  await page.getByLabel("Email").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((address) => address.pathname !== "/sign-in");
  return { context, page, requests, problems };
}

/** Waits until the page says that it is live. */
export async function live(page: Page): Promise<void> {
  await page.waitForSelector('#connection[data-state="live"]');
}
