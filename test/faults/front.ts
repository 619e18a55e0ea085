import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How a front answers instead of the process behind it. */
export type Fault = "503" | "401" | "302" | "html";

const ANSWERS: Record<Fault, (res: ServerResponse) => void> = {
  503: (res) => res.writeHead(503, { "Retry-After": "1" }).end("busy"),
  401: (res) => res.writeHead(401).end(),
  302: (res) => res.writeHead(302, { Location: "/sign-in?next=%2Fnotifications" }).end(),
  html: (res) => res.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><h1>Back soon</h1>"),
};

/**
 * What platforms put before a web process, at the bad moments: passes everything on, until it is told to answer what
 * is asked of the stream by itself.
 */
export async function startFront(port: () => number) {
  let fault: Fault | null = null;
  let asked = 0;
  const server = createServer((req, res) => {
    if (!fault || !req.url?.startsWith("/stream")) return passOn(port(), req, res);
    asked += 1;
    ANSWERS[fault](res);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** How often it answered by itself. */
    asked: () => asked,
    /** From now on it answers so, and what is open ends; null: all is well again. */
    fail(how: Fault | null) {
      fault = how;
      if (how) server.closeAllConnections();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function passOn(port: number, req: IncomingMessage, res: ServerResponse): void {
  const { method, url, headers } = req;
  const passed = request({ port, host: "127.0.0.1", method, path: url, headers, agent: false }, (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.headers);
    res.flushHeaders();
    answer.pipe(res);
    answer.on("error", () => res.destroy());
  });
  passed.on("error", () => res.destroy());
  res.once("close", () => passed.destroy());
  req.pipe(passed);
}
