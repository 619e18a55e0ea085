import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

const IDLE_TICKS = 100;

type Edit = (bytes: Buffer) => Buffer;
export type Proxy = Awaited<ReturnType<typeof startProxy>>;

/**
 * What stands between a client and our processes, or between those and what they depend on: a TCP proxy that sends each
 * connection to a random one of its targets, and that can be told to fail in the ways in which networks do.
 * @param targets the ports behind it; looked up for each connection, so that processes may come and go
 * @param options.random chooses among them
 * @param options.idleMs cuts a connection on which nothing was sent for so long, as platforms' routers do
 * @param options.edit for each connection, what becomes of the bytes that come back on it
 */
export async function startProxy(
  targets: () => number[],
  options: { random?: () => number; idleMs?: number; edit?: () => Edit } = {},
) {
  const { random = Math.random, idleMs = 0, edit } = options;
  const pairs = new Set<[Socket, Socket]>();
  const halfOpen = new WeakSet<Socket>();
  let refusing = false;
  let swallowing = false;
  let idleCuts = 0;
  const idle = new Map<Socket, number>();
  const clock = idleMs > 0 ? setInterval(cutIdle, idleMs / IDLE_TICKS) : undefined;
  let asked = 0;
  const server = createServer({ noDelay: true }, (client) => {
    client.on("error", () => {});
    if (refusing) return client.resetAndDestroy();
    reach(client, shuffled(targets(), random));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    connections: () => pairs.size,
    idleCuts: () => idleCuts,
    /** How many bytes clients have sent so far. */
    asked: () => asked,
    /** Breaks every connection; new ones are served unless refuse(true) was said. */
    cut() {
      for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    },
    /** Whether new connections are refused. */
    refuse(on: boolean) {
      refusing = on;
    },
    /** Whether bytes vanish, both ways, on connections that stay open and on new ones. Those never come. */
    swallow(on: boolean) {
      swallowing = on;
    },
    /** Bytes vanish for ever, both ways, on the connections of now, which stay open: each end is gone for the other. */
    halve() {
      for (const pair of pairs) for (const socket of pair) halfOpen.add(socket);
    },
    async close() {
      clearInterval(clock);
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };

  // A process that has just gone refuses: the next one is asked, as a router does.
  function reach(client: Socket, [port, ...others]: number[]): void {
    if (port === undefined || client.destroyed) return void client.destroy();
    const upstream = connect({ port, host: "127.0.0.1", noDelay: true });
    const giveUp = () => reach(client, others);
    upstream.once("error", giveUp);
    upstream.once("connect", () => {
      upstream.off("error", giveUp);
      join(client, upstream);
    });
  }

  function join(client: Socket, upstream: Socket): void {
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    client.on("data", (bytes) => {
      asked += bytes.length;
    });
    pass(client, upstream);
    pass(upstream, client, edit?.());
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.once("close", () => {
        pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
    idle.set(client, 0);
    client.on("data", () => idle.set(client, 0)).once("close", () => idle.delete(client));
    upstream.on("data", () => idle.set(client, 0));
  }

  // By ticks and not by the time, so that a machine that stands still for a while cuts nobody.
  function cutIdle(): void {
    for (const [client, ticks] of idle) {
      idle.set(client, ticks + 1);
      if (ticks + 1 < IDLE_TICKS) continue;
      idleCuts += 1;
      client.destroy();
    }
  }

  function pass(from: Socket, to: Socket, edited: Edit = (bytes) => bytes): void {
    from.on("data", (bytes) => {
      if (swallowing || halfOpen.has(from)) return;
      if (!to.write(edited(bytes))) from.pause();
    });
    to.on("drain", () => from.resume());
    from.on("end", () => to.end());
  }
}

function shuffled(ports: number[], random: () => number): number[] {
  return ports
    .map((port) => ({ port, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ port }) => port);
}
