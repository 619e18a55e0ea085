import express, { type RequestHandler } from "express";
import { pino } from "pino";
import { pinoHttp } from "pino-http";
import request from "supertest";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createPool } from "../src/db.ts";
import { handleErrors } from "../src/error-pages.ts";
import {
  ConflictError,
  DomainError,
  ForbiddenError,
  InvalidError,
  NotFoundError,
  SignedOutError,
} from "../src/errors.ts";
import { freePort } from "./processes.ts";
import { createWorld } from "./world.ts";

let lines: string[] = [];
beforeEach(() => {
  lines = [];
});

const HTMX = { "HX-Request": "true" };
const secret = "select password_hash from users at /srv/app/src/users.ts:12";

describe("an error", () => {
  test.each([
    [new NotFoundError(), 404, "There is nothing here"],
    [new ForbiddenError(), 403, "This part of Stockbell is for another role."],
    [new ForbiddenError("Not from here."), 403, "Not from here."],
    [new NotFoundError("There is no such session."), 404, "There is no such session."],
    [new ConflictError("Somebody has reserved it.", 12), 409, "Somebody has reserved it."],
    [new InvalidError({ title: "Enter a title." }), 422, "Please check what you entered."],
    [new DomainError(429, "Wait a minute."), 429, "Wait a minute."],
    [new URIError("URI malformed"), 400, "could not be done"],
    [Object.assign(new Error(secret), { status: 413 }), 413, "could not be done"],
    [new Error(secret), 500, "Something went wrong on our side"],
    ["not even an error", 500, "Something went wrong on our side"],
    [undefined, 500, "Something went wrong on our side"],
  ])("%s is a page with its status, and for htmx a fragment for #alerts", async (error, status, words) => {
    const page = await request(throwing(error)).get("/page");
    expect(page.status).toBe(status);
    expect(page.text).toMatch(/^\s*<!doctype html>/);
    expect(page.text).toContain(words);
    const fragment = await request(throwing(error)).post("/page").set(HTMX);
    expect([fragment.status, fragment.headers["hx-retarget"], fragment.headers["hx-reswap"]]).toEqual([
      status,
      "#alerts",
      "innerHTML",
    ]);
    expect(fragment.text).not.toContain("<html");
    expect(fragment.text.trim()).toMatch(/^<div class="banner"/);
  });

  test("of a conflict leads to the listing's present state", async () => {
    const app = throwing(new ConflictError("Somebody has reserved it.", 12));
    for (const headers of [{}, HTMX])
      expect((await request(app).post("/x").set(headers)).text).toContain('href="/listings/12"');
  });

  test("that is ours is logged with the request's id, and only the id is told", async () => {
    const { text } = await request(throwing(new Error(secret))).get("/page?token=abc");
    const id = /<code>([^<]+)<\/code>/.exec(text)?.[1] ?? "";
    expect(id).not.toBe("");
    const line = lines.map((each) => JSON.parse(each)).find(({ level }) => level === 50);
    expect(line).toMatchObject({
      request: id,
      method: "GET",
      status: 500,
      msg: "a request failed",
      err: { message: secret },
    });
    for (const told of ["password_hash", "/srv/", ".ts", "token=abc", "    at "]) expect(text).not.toContain(told);
  });

  test("in the middle of an answer cuts it, and the next request is served", async () => {
    const app = express();
    app.get("/half", (_req, res) => {
      res.write("half of ");
      throw new Error(secret);
    });
    app.use(handleErrors(log()));
    await expect(request(app).get("/half")).rejects.toThrow();
    expect((await request(app).get("/half2")).status).toBe(404);
  });

  test("while an error is shown becomes plain words", async () => {
    const breaking: RequestHandler = (_req, res, next) => {
      res.locals.viewer = {
        role: "buyer",
        get name() {
          throw new Error("no name");
        },
      };
      next(new NotFoundError());
    };
    const { status, text, type } = await request(express().use(breaking, handleErrors(log()))).get("/");
    expect([status, type]).toEqual([404, "text/plain"]);
    expect(text).toBe("Something went wrong. Please try again in a moment.");
  });
});

describe("a database that is away is 503 with Retry-After", () => {
  test.each([
    ["ECONNREFUSED", { code: "ECONNREFUSED" }],
    ["a shutdown", { code: "57P01" }],
    ["a statement that took too long", { code: "57014" }],
    ["too many connections", { code: "53300" }],
    ["a deadlock", { code: "40P01" }],
  ])("%s", async (_what, properties) => {
    const answer = await request(throwing(Object.assign(new Error(secret), properties))).get("/page");
    expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "5"]);
    expect(answer.text).toContain('href="/page"');
    expect(answer.text).not.toContain("password_hash");
  });

  test("as the driver says it: nobody there, and no connection free", async () => {
    const settings = { databaseCa: undefined, unverifiedTls: [] };
    const gone = createPool({ ...settings, databaseUrl: `postgres://nobody@127.0.0.1:${await freePort()}/x` }, 1);
    expect((await request(querying(() => gone.query("select 1"))).get("/")).status).toBe(503);
    const world = await createWorld();
    onTestFinished(() => world.close());
    const busy = createPool({ ...settings, databaseUrl: world.databaseUrl }, 1);
    const held = await busy.connect();
    busy.options.connectionTimeoutMillis = 100;
    expect((await request(querying(() => busy.query("select 1"))).get("/")).status).toBe(503);
    await held.query("set statement_timeout = 50");
    expect((await request(querying(() => held.query("select pg_sleep(5)"))).get("/")).status).toBe(503);
    held.release();
    await busy.end();
  });

  test("and what the database says of our own mistakes is 500", async () => {
    const answer = await request(throwing(Object.assign(new Error("syntax error"), { code: "42601" }))).get("/");
    expect(answer.status).toBe(500);
  });

  test("its link to try again never leads elsewhere", async () => {
    const app = throwing(Object.assign(new Error("gone"), { code: "ECONNREFUSED" }));
    const { text } = await request(app).get("//evil.test/x");
    expect(text).not.toContain('href="//');
  });
});

describe("somebody signed out", () => {
  test("is led to sign in and back, from a page", async () => {
    const { status, headers } = await request(throwing(new SignedOutError())).get("/enquiries?page=2");
    expect([status, headers.location]).toEqual([303, "/sign-in?next=%2Fenquiries%3Fpage%3D2"]);
    const odd = await request(throwing(new SignedOutError())).get("//evil.test/listings");
    expect(odd.headers.location).toBe("/sign-in");
  });

  test("gets a bare 401 for a stream, and 401 with a link for htmx", async () => {
    const stream = await request(throwing(new SignedOutError())).get("/stream?lastEventId=3");
    expect([stream.status, stream.text]).toEqual([401, ""]);
    const htmx = await request(throwing(new SignedOutError())).post("/listings/1/watch").set(HTMX);
    expect(htmx.status).toBe(401);
    expect(htmx.text).toContain('href="/sign-in"');
  });
});

function log() {
  return pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
}

function throwing(error: unknown) {
  const failing: RequestHandler = async () => {
    throw error;
  };
  return express().use(pinoHttp({ logger: log(), autoLogging: false }), failing, handleErrors(log()));
}

function querying(query: () => Promise<unknown>) {
  const asking: RequestHandler = async (_req, res) => res.json(await query());
  return express().use(asking, handleErrors(log()));
}
