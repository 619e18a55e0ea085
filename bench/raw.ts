// What Stockbell is measured beside: streams from node:http alone, fed by Redis, a channel for each user. It signs nobody
// in, stores nothing, renders nothing, and forgets what it could not send.
import { createServer, type ServerResponse } from "node:http";
import { Redis } from "ioredis";

const subscriber = new Redis(process.env.REDIS_URL ?? "");
const streams = new Map<string, ServerResponse>();

subscriber.on("message", (channel: string, html: string) => {
  streams.get(channel)?.write(`event: toast\ndata: ${html}\n\n`);
});

let beating = streams.values();
setInterval(() => {
  for (let n = Math.ceil((streams.size * 50) / 15_000); n > 0; n -= 1) {
    const { value, done } = beating.next();
    if (done) {
      beating = streams.values();
      break;
    }
    value.write(":\n\n");
  }
}, 50);

const server = createServer(async (req, res) => {
  const channel = `raw:${new URL(req.url ?? "", "http://raw").searchParams.get("user")}`;
  res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  streams.set(channel, res);
  req.on("close", () => {
    streams.delete(channel);
    subscriber.unsubscribe(channel).catch(() => {});
  });
  await subscriber.subscribe(channel);
  res.write("event:hello\ndata: {}\n\n");
});
server.listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: 4096 }, () => console.log("listens"));
