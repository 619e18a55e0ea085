import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWeb, type Web } from "../src/server.ts";
import { publishedListing, signIn } from "./cast.ts";
import { openSse, type SseClient } from "./sse.ts";
import { createWorld, type World } from "./world.ts";

const FORM = "application/x-www-form-urlencoded";
/** "never > 5 s" */
const MOST_MS = 5000;

let world: World;
let web: Web;
let port: number;
let stream: SseClient;
const cookies = { bea: "", sol: "" };
const opened = Date.now();

beforeAll(async () => {
  world = await createWorld();
  web = await startWeb(world);
  port = Number(new URL(web.url).port);
  cookies.bea = await signIn(web.url, world.cast.bea);
  cookies.sol = await signIn(web.url, world.cast.sol);
  stream = await openSse(`${web.url}/stream`, { cookie: cookies.bea });
  await publishedListing(world.db, world.cast.sol);
});
afterAll(async () => {
  stream.close();
  await web.stop();
  await world.close();
});

type Said = { status: number; text: string; ms: number };

/** Writes these bytes and reads until the server closes. @returns status 0 where nothing was answered */
function say(bytes: string | Buffer): Promise<Said> {
  const socket = connect(port, "127.0.0.1");
  const began = performance.now();
  let text = "";
  socket.on("data", (piece) => (text += piece.toString("latin1"))).on("error", () => {});
  socket.setTimeout(8000, () => socket.destroy());
  socket.write(bytes);
  return new Promise((resolve) => {
    socket.on("close", () => {
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
      resolve({ status, text, ms: performance.now() - began });
    });
  });
}

function head(line: string, cookie = "", more = ""): string {
  const lines = [
    `${line} HTTP/1.1`,
    "Host: x",
    `Cookie: ${cookie}`,
    "Sec-Fetch-Site: same-origin",
    "Connection: close",
  ];
  return `${lines.join("\r\n")}\r\n${more}\r\n`;
}

function post(path: string, body: string | Buffer, type = FORM, cookie = cookies.bea, more = ""): Promise<Said> {
  const length = Buffer.byteLength(body);
  const start = head(
    `POST ${path}`,
    cookie,
    `${type && `Content-Type: ${type}\r\n`}${more}Content-Length: ${length}\r\n`,
  );
  return say(Buffer.concat([Buffer.from(start), Buffer.from(body)]));
}

describe.concurrent("S-16: within five seconds, and never with our error, the server answers", () => {
  test.each([
    ["headers that do not end", "GET / HTTP/1.1\r\nHost: x\r\n", 408],
    [
      "a body that does not come",
      `${head("POST /sign-in", "", `Content-Type: ${FORM}\r\nContent-Length: 99\r\n`)}email=`,
      408,
    ],
    ["ten megabytes of headers", `GET / HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(10_000_000)}\r\n\r\n`, 431],
    ["no host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400],
    ["a method that there is not", head("FOO /"), 400],
    ["two lengths of one body", head("POST /sign-in", "", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400],
    ["another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
    ["TRACE", head("TRACE /"), 404],
    ["CONNECT", head("CONNECT evil.test:443"), 0],
    ["what is no path", head("GET *"), 400],
    ["OPTIONS of nothing", head("OPTIONS *"), 400],
    ["the address of another site", head("GET http://evil.test/listings", ""), 303],
    ["PUT", head("PUT /listings"), 404],
    ["DELETE", head("DELETE /listings/1"), 404],
    ["an expectation", head("POST /sign-in", "", "Expect: a-pony\r\nContent-Length: 0\r\n"), 417],
  ])("%s", async (_what, bytes, status) => {
    const said = await say(bytes);
    expect(said.status).toBe(status);
    expect(said.ms).toBeLessThan(MOST_MS);
  });

  test("two requests that come as one, each", async () => {
    const { text } = await say(`GET /livez HTTP/1.1\r\nHost: x\r\n\r\n${head("GET /livez")}`);
    expect(text.split("HTTP/1.1 200 OK")).toHaveLength(3);
  });

  test("addresses that make no sense", async () => {
    const paths = [
      ...[
        "/%",
        "/%E0%A4%A",
        "/listings/%00",
        "/assets/%00/x",
        "/assets/1/..%2f..%2fpackage.json",
        `/${"a".repeat(9000)}`,
      ],
      ...["/listings?q=%00", "/listings?q=%ED%A0%80", "/listings?q=a&q=b", "/listings?page=9e99&sort[]=1&category=%00"],
      ...["/notifications?before=99999999999999999999999&kind=%00", "/notifications/99999999999999999999"],
      ...["/enquiries?page=-1", "/enquiries/1?before=%00", "/account?done=__proto__", "/account?done=constructor"],
      ...["/sign-in?next=%00", "/stream/fallback?after=%00&since=%00", "/stream/fallback?after=0&since=x"],
    ];
    for (const path of paths) {
      const { status, ms } = await say(head(`GET ${path}`, cookies.bea));
      expect(status, path).toBeLessThan(500);
      expect(status, path).toBeGreaterThan(0);
      expect(ms, path).toBeLessThan(MOST_MS);
    }
  });
});

describe("S-16: a form", () => {
  test.each([
    ["longer than 100 kB", `x=${"a".repeat(200_000)}`, FORM, "", 413],
    ["of 500 fields", Array(500).fill("a=1").join("&"), FORM, "", 413],
    ["in JSON", '{"email":{"$ne":1}}', "application/json", "", 415],
    ["of JSON as deep as it goes", "[".repeat(50_000), "application/json", "", 415],
    ["in parts", "--x\r\n", "multipart/form-data; boundary=x", "", 415],
    ["of no type", "a=1", "", "", 415],
    ["of another character set", "a=1", `${FORM}; charset=utf-7`, "", 415],
    ["that says it is compressed and is not", "not gzip", FORM, "Content-Encoding: gzip\r\n", 400],
  ])("%s is refused by every route, for what it is", async (_what, body, type, more, status) => {
    for (const path of PATHS) expect((await post(path, body, type, cookies.sol, more)).status, path).toBe(status);
  });

  const VALUES = {
    "NUL bytes": "a%00b",
    "half a character": "%ED%A0%80",
    "malformed escapes": "%zz%E0%A4%A%",
    "numbers beyond all bounds": "99999999999999999999",
    "the names of an object's own properties": "__proto__",
  };
  test.each(Object.entries(VALUES))(
    "with %s in its fields is stored as text or sent back, never our error",
    async (_what, value) => {
      for (const path of PATHS) {
        for (const cookie of Object.values(cookies)) {
          const body = `${FIELDS.map((name) => `${name}=${value}`).join("&")}&__proto__=1&constructor[prototype][x]=1&a[b][c]=1`;
          await world.db.deleteFrom("throttles").execute();
          const { status } = await post(path, body, FORM, cookie);
          expect(status, path).toBeGreaterThan(0);
          expect(status, path).toBeLessThan(500);
        }
      }
      expect(({} as { x?: unknown }).x).toBe(undefined);
    },
  );

  test("with a field twice is sent back, and nothing is stored of it", async () => {
    const fields = { title: "Twice", description: "d", category: "metals", quantity: "5", unit: "kg", price: "1.00" };
    const once = new URLSearchParams({ ...fields, currency: "EUR", location: "Rotterdam" });
    for (const name of once.keys()) {
      const twice = new URLSearchParams(once);
      twice.append(name, "2");
      expect((await post("/listings", twice.toString(), FORM, cookies.sol)).status, name).toBe(422);
    }
    expect((await post("/listings", once.toString(), FORM, cookies.sol)).status).toBe(303);
  });

  test("sets nothing that it has no field for", async () => {
    const { sol, otto } = world.cast;
    const fields = { title: "Mass", description: "d", category: "metals", quantity: "5", unit: "kg", price: "1.00" };
    const more = {
      id: "77777",
      seller_id: String(otto.id),
      sellerId: String(otto.id),
      status: "sold",
      version: "9",
      reserved_for: "1",
    };
    const body = new URLSearchParams({ ...fields, currency: "EUR", location: "Rotterdam", ...more });
    expect((await post("/listings", body.toString(), FORM, cookies.sol)).status).toBe(303);
    const made = await world.db
      .selectFrom("listings")
      .selectAll()
      .where("title", "=", "Mass")
      .executeTakeFirstOrThrow();
    expect(made).toMatchObject({ seller_id: sol.id, status: "available", version: 1, reserved_for: null });
    expect(made.id).not.toBe(77_777);
    const person = { role: "buyer", name: "N", company: "C", email: "mass@demo.test", password: "long enough for it" };
    const whole = new URLSearchParams({ ...person, id: "77777", status: "suspended", password_hash: "x", admin: "1" });
    expect((await post("/sign-up", whole.toString(), FORM, "")).status).toBe(303);
    const user = await world.db
      .selectFrom("users")
      .selectAll()
      .where("email", "=", person.email)
      .executeTakeFirstOrThrow();
    expect(user).toMatchObject({ role: "buyer", status: "active" });
    expect(user.id).not.toBe(77_777);
  });
});

test("S-16: a stream is cut by none of the server's time-outs", async () => {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, opened + 6000 - Date.now())));
  expect(web.hub.streams.size).toBe(1);
});

const PATHS = [
  ...["/sign-in", "/sign-up", "/account/password", "/listings", "/listings/1", "/listings/1/reservation"],
  ...["/listings/1/extension", "/listings/1/sale", "/listings/1/enquiries", "/notifications/preferences"],
  ...[
    "/notifications/mutes",
    "/notifications/1/read",
    "/notifications/seen",
    "/enquiries/1/messages",
    "/enquiries/1/seen",
  ],
];
const FIELDS = [
  ...[
    "email",
    "password",
    "current",
    "name",
    "company",
    "role",
    "next",
    "title",
    "description",
    "category",
    "quantity",
  ],
  ...["unit", "price", "currency", "location", "version", "buyer", "hours", "message", "listing", "upTo", "kind"],
  ...["quiet_from", "quiet_to", "time_zone", "timeZone", "keep_toasts"],
];

test.each(["en-12", "de-de-de", "en-a1-b2-c3-d4", "*", "x-klingon", "en_GB", "zh-hans-cn-1234567890"])(
  "S-16: a page is served in some locale to whoever asks for '%s'",
  async (asked) => {
    for (const path of ["/", "/sign-in", "/nowhere"]) {
      const answer = await fetch(web.url + path, { headers: { "Accept-Language": asked, Cookie: cookies.bea } });
      expect([path, answer.status < 500, answer.headers.get("content-type")]).toEqual([
        path,
        true,
        "text/html; charset=utf-8",
      ]);
    }
  },
);
