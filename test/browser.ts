import { type Browser, type BrowserContext, chromium } from "playwright-core";
import { findChromium } from "./installed.ts";

const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
];

let launched: Promise<Browser> | undefined;

/** The test file's one Chromium, started at the first call and closed at the file's end. */
function openBrowser(): Promise<Browser> {
  launched ??= launch();
  return launched;
}

/** A profile of its own for each person: cookies, storage and workers are shared by its pages and by no others. */
export async function openContext(options: Parameters<Browser["newContext"]>[0] = {}): Promise<BrowserContext> {
  const browser = await openBrowser();
  const context = await browser.newContext(options);
  context.setDefaultTimeout(10_000);
  return context;
}

/** Closes Chromium and every page of it; the next openBrowser() starts another. */
export async function closeBrowser(): Promise<void> {
  const browser = await launched;
  launched = undefined;
  await browser?.close();
}

function launch(): Promise<Browser> {
  const executablePath = findChromium();
  if (!executablePath) throw new Error("There is no Chromium here: run npm run setup.");
  return chromium.launch({ executablePath, args: FLAGS });
}
