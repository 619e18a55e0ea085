// Stockbell beside the peers of the shared harness: `node harness/run.js --peers redis-sse,/this/file …`.
// The server is the real web process, with its sessions, hub and rendering; what comes in is what the worker publishes.
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import pg from "pg";

const ROOT = join(import.meta.dirname, "..");
const SECRET = "of the bench alone: signs nothing else";
const MARK = "data-m=";
const MARK_LENGTH = 42;
const NEEDLE = Buffer.from(MARK);
// Where in a mark its phase stands, and its number in that.
const NUMBERS = [
  [7, 9],
  [27, 35],
];
const UNREADABLE = 120;
const EVERYBODY = "999999";
const LISTING = 1;

export default {
  label: "Stockbell (sessions, Postgres, rendering, catch-up)",
  redis: true,

  async start(ctx) {
    const { launch, stopProc, waitPort } = await harness();
    const { startPostgres } = await import("../src/embedded.ts");
    const { migrate } = await import("../src/migrate.ts");
    const { WEB_FLAGS } = await import("./flags.ts");
    const folder = await mkdtemp(join(tmpdir(), "stockbell-bench-"));
    const settings = { fsync: "off", shared_buffers: "128MB" };
    const postgres = await startPostgres({ dir: join(folder, "postgres"), settings });
    await pinTo(ctx.loadCpu, join(folder, "postgres"));
    await migrate({ databaseUrl: postgres.url, databaseCa: undefined, unverifiedTls: [] });
    await populate(postgres.url, ctx.n);
    await writeFile(addressFile(ctx), postgres.url);
    const env = { PORT: String(ctx.port), DATABASE_URL: postgres.url, REDIS_URL: ctx.redisUrl, SESSION_SECRET: SECRET };
    const web = launch(ctx.serverCpu, process.execPath, [...WEB_FLAGS, "src/web.ts"], {
      cwd: ROOT,
      env: { ...env, LOG_LEVEL: "warn", STREAM_MAX: "100000" },
      log: "stockbell",
    });
    async function stop() {
      await stopProc(web, "SIGKILL");
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
      await rm(addressFile(ctx), { force: true });
    }
    // A server that does not come would leave its database behind, and the harness waiting for that.
    await waitPort(ctx.port).catch((error) => stop().then(() => Promise.reject(error)));
    return { pids: [web.pid], stop };
  },

  client: {
    request: (user, port) =>
      `GET /stream HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\nCookie: ${cookieOf(user)}\r\n\r\n`,
    // A message published from hello on arrives: the subscription has been confirmed.
    handshake(conn, bytes) {
      conn.hs = (conn.hs ?? "") + bytes.latin1Slice(0, bytes.length);
      if (conn.hs.length > 12 && !conn.hs.startsWith("HTTP/1.1 200"))
        conn.sock.destroy(new Error(conn.hs.slice(9, 12)));
      return conn.hs.includes("event:hello");
    },
    live: countOnce,
  },

  async publisher(ctx) {
    const { createBus } = await import("../src/bus.ts");
    const { createLog } = await import("../src/log.ts");
    const { writeNews } = await import("../src/notifications/messages.ts");
    const settings = { redisUrl: ctx.redisUrl, redisCa: undefined, unverifiedTls: [] };
    const bus = createBus(settings, createLog("bench", "silent"));
    await new Promise((resolve) => bus.onUp(resolve));
    const database = new pg.Client(await readFile(addressFile(ctx), "utf8"));
    await database.connect();
    const numbers = new Uint32Array(ctx.n + 1);
    let events = 0;
    let gathered = { moment: "", rings: [] };

    function happen(mark, rings = [], listingId = null) {
      events += 1;
      for (const ring of rings) ring.eventId = events;
      const news = writeNews(eventAbout(events, mark, listingId), rings);
      bus.publish(news.map((body) => ({ channel: "events", body }))).catch(() => {});
    }

    function ringFor(user) {
      const userId = Number(user.slice(1)) + 1;
      numbers[userId] += 1;
      const seq = numbers[userId];
      return { userId, eventId: 0, seq, reason: "watching", unseen: seq, revision: seq };
    }

    return {
      // What everybody is told at one moment is one event, as a listing with many watchers makes it.
      toUser(user, html) {
        const mark = markIn(html);
        const moment = mark.slice(0, -6);
        if (moment === gathered.moment) return void gathered.rings.push(ringFor(user));
        const rings = [ringFor(user)];
        gathered = { moment, rings };
        process.nextTick(() => happen(rings.length > 1 ? moment + EVERYBODY : mark, rings));
      },
      async toAll(html) {
        const change = "update listings set title = $1, version = version + 1, updated_at = now() where id = $2";
        await database.query(change, [`Copper cathode ${markIn(html)}`, LISTING]);
        happen(markIn(html), [], LISTING);
      },
      async close() {
        await bus.close();
        await database.end();
      },
    };
  },
};

function harness() {
  return import(pathToFileURL(join(dirname(process.argv[1]), "kit.js")));
}

/** Where the processes of one run find its database. */
function addressFile({ port }) {
  return join(tmpdir(), `stockbell-bench-${port}`);
}

async function pinTo(cpu, folder) {
  const [pid] = (await readFile(join(folder, "postmaster.pid"), "utf8")).split("\n");
  await promisify(execFile)("taskset", ["-apc", String(cpu), pid]);
}

/** A signed-in buyer for each user of the harness, whose id is their number and one, and a seller with a listing. */
async function populate(url, n) {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(
    `insert into users (email, name, company, role, password_hash)
     select 'user-' || u || '@bench.test', 'User ' || u, 'Company', case when u = $1 then 'seller' else 'buyer' end, 'none'
     from generate_series(0, $1::int) u order by u`,
    [n],
  );
  await client.query("insert into inboxes (user_id) select id from users");
  await client.query(
    `insert into sessions (sid, sess, expire)
     select 'u' || lpad((id - 1)::text, 6, '0'), json_build_object('cookie', json_build_object('path', '/'), 'passport', json_build_object('user', id)), now() + interval '1 day'
     from users`,
  );
  await client.query(
    `insert into listings (seller_id, title, description, category, quantity, unit, price_minor, currency, location)
     select max(id), 'Copper cathode', 'In bond.', 'metals', 1200, 'kg', 84550, 'EUR', 'Rotterdam' from users`,
  );
  await client.query("analyze");
  await client.end();
}

function cookieOf(user) {
  const signature = createHmac("sha256", SECRET).update(user).digest("base64").replace(/=+$/, "");
  return `stockbell=${encodeURIComponent(`s:${user}.${signature}`)}`;
}

function eventAbout(id, mark, listingId) {
  const data = { title: `Copper cathode ${mark}`, sellerId: 1, buyerId: null };
  return {
    id,
    kind: "listing_withdrawn",
    actorId: 1,
    actorCompany: "Sol Metals",
    listingId,
    enquiryId: null,
    data,
    occurredAt: new Date(),
    deliveredAt: null,
  };
}

function markIn(html) {
  const at = html.indexOf(MARK);
  return html.slice(at, at + MARK_LENGTH);
}

/**
 * A title stands twice in a fragment, in the toast and in the inbox's row; the harness expects its mark once. So one that comes
 * again is made unreadable before it looks, also one that it has kept the beginning of.
 */
function countOnce(conn, bytes) {
  if (conn.tail) {
    const whole = Buffer.concat([conn.tail, bytes.subarray(0, MARK_LENGTH)]);
    if (whole.length >= MARK_LENGTH && whole.indexOf(NEEDLE) === 0 && isAgain(conn, whole, 0))
      conn.tail.fill(UNREADABLE);
  }
  for (let at = bytes.indexOf(NEEDLE); at >= 0; at = bytes.indexOf(NEEDLE, at + MARK_LENGTH)) {
    if (at + MARK_LENGTH <= bytes.length && isAgain(conn, bytes, at)) bytes[at] = UNREADABLE;
  }
}

/** Whether the mark there is the one that this connection brought last: the same number in the same phase. */
function isAgain(conn, bytes, at) {
  let number = 0;
  for (const [from, to] of NUMBERS) for (let i = at + from; i < at + to; i += 1) number = number * 10 + bytes[i] - 48;
  const again = number === conn.number;
  conn.number = number;
  return again;
}
