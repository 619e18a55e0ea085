import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Serves one body under /body, as it is, and an empty page elsewhere. */
export async function serveBody(type: string, body: string): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((req, res) => {
    const asked = req.url === "/body";
    res.writeHead(200, { "Content-Type": asked ? type : "text/html" }).end(asked ? body : "<!doctype html>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
