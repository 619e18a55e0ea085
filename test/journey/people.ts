import type { BrowserContext, Page } from "playwright-core";
import type { Viewer } from "../../src/access.ts";
import { openContext } from "../browser.ts";
import { signIn } from "../cast.ts";

/** Somebody signed in at a browser of their own. `requests` are those of the page since it was opened. */
export type AtBrowser = { context: BrowserContext; page: Page; requests: string[]; problems: string[] };

/**
 * @param url of the server
 * @param options of the browser's profile, such as javaScriptEnabled
 */
export async function atBrowser(
  url: string,
  person: Pick<Viewer, "email">,
  options: Parameters<typeof openContext>[0] = {},
): Promise<AtBrowser> {
  const context = await openContext({ baseURL: url, locale: "en-GB", ...options });
  const [name = "", value = ""] = (await signIn(url, person)).split("=");
  await context.addCookies([{ name, value, url }]);
  const page = await context.newPage();
  const requests: string[] = [];
  const problems: string[] = [];
  page.on("request", (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  return { context, page, requests, problems };
}

/** From now on the pages of a browser remember every toast that they have shown, however long it stays. */
export async function rememberToasts(context: BrowserContext): Promise<void> {
  await context.addInitScript(`
    window.toastsShown = [];
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) {
        for (const node of addedNodes) {
          if (node.matches?.("#toasts > .toast")) window.toastsShown.push(node.dataset.notification ?? "more");
        }
      }
    }).observe(document, { childList: true, subtree: true });`);
}

/** The numbers of all toasts that these tabs have shown since rememberToasts(), in the tabs' order. */
export async function toastsShown(tabs: Page[]): Promise<string[]> {
  const each = await Promise.all(tabs.map((tab) => tab.evaluate<string[]>("window.toastsShown")));
  return each.flat();
}

/** Waits until the page says that it is live. */
export async function live(page: Page): Promise<void> {
  await page.waitForSelector('#connection[data-state="live"]');
}

/**
 * The seller reserves the listing for a buyer or releases it, with the mouse. The stream may show it before the answer to
 * the click does: see answered(). @returns when the button was clicked
 */
export async function actAs({ page }: AtBrowser, status: string, id: number, buyer: string): Promise<number> {
  const name = status === "reserved" ? "Reserve" : "Release it";
  const button = page.locator(`#actions-${id}`).getByRole("button", { name, exact: true, includeHidden: true });
  // One step where a hand takes several: it is the click that counts, and a page is not to be busy with its tester.
  const { x, y, width, height } = await button.evaluate((element: Clickable, given) => {
    const box = element.closest("details");
    box.open = true;
    const field = box.querySelector("[name=buyer]");
    if (field) field.value = given;
    (globalThis as unknown as Clicking).clicked = new Promise((resolve, reject) => {
      element.addEventListener("click", () => resolve(performance.timeOrigin + performance.now()), { once: true });
      setTimeout(() => reject(new Error("the click did not reach the button")), 10_000);
    });
    (globalThis as unknown as Clicking).answered = new Promise((resolve) => {
      // What the stream brings may take the button away before the answer: its page would not hear htmx say so.
      const asked = ({ detail }: Asking) => detail.xhr.addEventListener("loadend", resolve);
      (globalThis as unknown as Listening).document.addEventListener("htmx:beforeRequest", asked, { once: true });
    });
    element.scrollIntoView({ block: "center" });
    return element.getBoundingClientRect().toJSON();
  }, buyer);
  await page.mouse.click(x + width / 2, y + height / 2);
  return page.evaluate(() => (globalThis as unknown as Clicking).clicked);
}

/** The page has taken in the answer to the last click, so that nothing of it will be replaced by that. */
export async function answered({ page }: AtBrowser): Promise<void> {
  await page.evaluate(() => (globalThis as unknown as Clicking).answered.then(() => {}));
}

type Clicking = { clicked: Promise<number>; answered: Promise<unknown> };
type Asking = { detail: { xhr: { addEventListener(name: string, run: unknown): void } } };
type Listening = { document: { addEventListener(name: string, run: unknown, options: { once: boolean }): void } };
type Clickable = {
  closest(selector: string): { open: boolean; querySelector(selector: string): { value: string } | null };
  addEventListener(name: string, listener: () => void, options: { once: boolean }): void;
  scrollIntoView(options: { block: string }): void;
  getBoundingClientRect(): { toJSON(): Record<"x" | "y" | "width" | "height", number> };
};
