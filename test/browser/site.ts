import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Request, type RequestHandler, type Response } from "express";
import type { BrowserContext, ConsoleMessage, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { assetRoutes } from "../../src/assets.ts";
import { render } from "../../src/views.ts";
import { openContext } from "../browser.ts";

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'";
const MADE_AT = "2026-03-01T10:00:00.000Z";

let shared: Page | undefined;

/** A site of one page with a stream that says what the test wants, to try the browser's side against. */
export type Site = Awaited<ReturnType<typeof startSite>>;

type Answer = (req: Request, res: Response) => unknown;

/**
 * Serves the real frame of every page, with the real scripts, around a body of the test's; gone with the test.
 * @param main the page's own markup
 * @param cursor the recipient's number up to which the page is made
 */
export async function startSite(main = "", cursor = 5) {
  const answers = {
    stream: stream as Answer,
    fallback: ((_req, res) => res.sendStatus(204)) as Answer,
    page: () => main,
    asset: ((_req, _res, next) => next()) as RequestHandler,
  };
  const asked: { path: string; query: Record<string, string> }[] = [];
  const open = new Set<Response>();
  const app = express();
  app.use((req, res, next) => {
    if (!req.path.startsWith("/assets/")) asked.push({ path: req.path, query: req.query as Record<string, string> });
    res.set("Content-Security-Policy", POLICY);
    next();
  });
  app.use("/assets", (req, res, next) => answers.asset(req, res, next));
  app.use(assetRoutes());
  app.get("/stream", (req, res) => answers.stream(req, res));
  app.get("/stream/fallback", (req, res) => answers.fallback(req, res));
  app.get("/page", (req, res) => res.type("html").send(page(answers.page(), cursor, req.path)));
  app.get("/sign-in", (_req, res) => res.type("html").send("<!doctype html><title>Sign in</title><h1>Sign in</h1>"));
  app.post("/notifications/seen", (_req, res) => res.sendStatus(204));
  app.get("/ping", (_req, res) => res.sendStatus(204));
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  /** Answers as a stream that is well, resumed with nothing missed. */
  function stream(req: Request, res: Response): void {
    hang(req, res);
    const last = Number(req.query.lastEventId);
    say(res, "hello", JSON.stringify({ state: "resumed", replayed: 0, last }));
    say(res, "heartbeat", JSON.stringify({ last, at: req.query.since }));
  }
  /** Answers with the head of a stream and then nothing, as a proxy that keeps the bytes to itself. */
  function hang(_req: Request, res: Response): void {
    res.set({ "Content-Type": "text/event-stream", "Cache-Control": "no-store" }).flushHeaders();
    open.add(res);
    res.on("close", () => open.delete(res));
  }
  return {
    ...{ app, url, answers, asked, stream, hang },
    /** The requests for one path, oldest first. */
    askedFor: (path: string) => asked.filter((request) => request.path === path).map((request) => request.query),
    streams: () => open.size,
    send(event: string, data: string, id?: number) {
      for (const res of open) say(res, event, data, id);
    },
    cut() {
      for (const res of open) res.destroy();
    },
  };
}

/** Opens the site's page in the file's one tab, whose clock the test can move. */
export async function visit(site: Site) {
  if (!shared || shared.isClosed()) shared = await openTab(await openContext());
  return visitIn(shared, site);
}

/** Opens the site's page as a reader elsewhere, in a profile of its own. */
export async function visitAs(site: Site, reader: Parameters<typeof openContext>[0]) {
  const context = await openContext(reader);
  onTestFinished(() => context.close());
  return visitIn(await openTab(context), site);
}

/** Opens the site's page in a new profile with its SharedWorker, in real time. */
export async function visitShared(site: Site) {
  const context = await openContext();
  onTestFinished(() => context.close());
  const tab = await context.newPage();
  return { context, ...(await watchIn(tab, site)) };
}

/** Expects what comes in its own time: however busy the machine is. */
export function eventually<T>(read: () => T) {
  return expect.poll(read, { timeout: 10_000 });
}

/** Stops the page's clock: from now on its time passes only as the test lets it. */
export async function freeze(tab: Page): Promise<void> {
  await tab.clock.pauseAt((await tab.evaluate<number>("Date.now()")) + 1000);
}

/** Lets the page's time pass, a second at a time, until something holds. @param within seconds of the page's time */
export async function passing(tab: Page, holds: () => unknown, within = 60): Promise<void> {
  for (let passed = 0; !(await holds()); passed += 1) {
    if (passed > within) throw new Error(`It does not hold after ${within} seconds of the page's time.`);
    await tab.clock.runFor(1000);
    await settled(tab);
  }
}

// The clock of a tab is not that of a SharedWorker: here all runs in the tab.
async function openTab(context: BrowserContext): Promise<Page> {
  const tab = await context.newPage();
  await tab.addInitScript("delete window.SharedWorker");
  await tab.clock.install();
  return tab;
}

async function visitIn(tab: Page, site: Site) {
  await tab.clock.resume();
  return watchIn(tab, site);
}

async function watchIn(tab: Page, site: Site) {
  const errors: string[] = [];
  const note = (message: ConsoleMessage) => message.type() === "error" && errors.push(message.text());
  const fail = (error: Error) => errors.push(String(error));
  tab.on("console", note).on("pageerror", fail);
  onTestFinished(async () => {
    tab.off("console", note).off("pageerror", fail);
    await tab.goto("about:blank");
  });
  await tab.goto(`${site.url}/page`);
  return {
    tab,
    errors,
    state: () => tab.getAttribute("#connection", "data-state"),
    /** Whatever the page asked for before this has reached the server after it. */
    settle: () => settled(tab),
  };
}

function settled(tab: Page): Promise<unknown> {
  return tab.evaluate("fetch('/ping').then((answer) => answer.status)");
}

function say(res: Response, event: string, data: string, id?: number): void {
  const lines = data.split("\n").map((line) => `data: ${line}\n`);
  res.write(`event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}${lines.join("")}\n`);
}

function page(body: string, cursor: number, path: string): string {
  const viewer = { id: 1, role: "buyer", name: "Bea Brandt" };
  return render("layout", "en-GB", { body, viewer, cursor, path, unseen: 0, renderedAt: MADE_AT, title: "Page" });
}
