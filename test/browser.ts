import { type Browser, type BrowserContext, chromium } from "playwright-core";
import { findChromium } from "./installed.ts";

const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
];

// One Chromium for all files of a worker: it goes when its worker goes, whose end of the pipe it listens at.
let launched: Promise<Browser> | undefined;
const opened = new Set<BrowserContext>();
// S-05: whatever a page of ours does in a test, its own content policy has nothing against it.
const violations: string[] = [];

/**
 * A profile of its own for each person: cookies, storage and workers are shared by its pages and by no others. It is
 * closed at the test file's end, if not before.
 * @param options motion is reduced unless they say otherwise
 */
export async function openContext(options: Parameters<Browser["newContext"]>[0] = {}): Promise<BrowserContext> {
  launched ??= launch();
  const browser = await launched;
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(10_000);
  opened.add(context);
  context.on("console", (message) => {
    if (/content.security.policy/i.test(message.text())) violations.push(`${message.page()?.url()}: ${message.text()}`);
  });
  context.once("close", () => opened.delete(context));
  return context;
}

/** Closes every page that a test file has left open. @throws Error when the content policy had to keep one from something */
export async function closeContexts(): Promise<void> {
  await Promise.all([...opened].map((context) => context.close()));
  const found = violations.splice(0);
  if (found.length > 0) throw new Error(`S-05: against the content policy: ${found.join("; ")}`);
}

function launch(): Promise<Browser> {
  const executablePath = findChromium();
  if (!executablePath) throw new Error("There is no Chromium here: run npm run setup.");
  return chromium.launch({ executablePath, args: FLAGS });
}
