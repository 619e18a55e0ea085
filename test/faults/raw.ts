import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";

/** A stream that does nothing by itself when told goodbye: only the server ends it. */
export async function openRaw(url: string, cookie: string) {
  const request = get(`${url}/stream`, { agent: false, headers: { Cookie: cookie } });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  let closed = false;
  response.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  response
    .on("error", () => {})
    .once("close", () => {
      closed = true;
    });
  return {
    complete: () => closed && response.complete && !response.errored,
    delay: () => [...text.matchAll(/event: ?bye\ndata: ?\{"reconnect":(\d+)\}/g)].map((match) => Number(match[1])),
  };
}
