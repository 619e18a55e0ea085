import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { asset } from "../../src/assets.ts";
import { createVisitors, listen, type Visitors } from "../accounts/visitors.ts";

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "report-uri /csp-reports",
];

let visitors: Visitors;
beforeAll(async () => {
  visitors = await createVisitors();
});
afterAll(() => visitors.close());

const everywhere: [what: string, method: string, path: string, actor: "bea" | "ada" | "anonymous"][] = [
  ["a page", "GET", "/", "bea"],
  ["the front page", "GET", "/", "anonymous"],
  ["a redirect to the sign-in", "GET", "/account", "anonymous"],
  ["a form that is refused", "POST", "/sign-in", "anonymous"],
  ["what is not there", "GET", "/nowhere", "bea"],
  ["another role's page", "GET", "/oversight", "bea"],
  ["a stylesheet", "GET", asset("stockbell.css"), "anonymous"],
  ["an asset that is not there", "GET", asset("nothing.js"), "anonymous"],
  ["the stream", "GET", "/stream", "bea"],
  ["the stream for nobody", "GET", "/stream", "anonymous"],
  ["polling", "GET", "/stream/fallback?after=0", "bea"],
  ["health", "GET", "/livez", "anonymous"],
  ["readiness", "GET", "/readyz", "anonymous"],
  ["a report", "POST", "/csp-reports", "anonymous"],
  ["a method that nobody knows", "PURGE", "/", "anonymous"],
  ["a path that cannot be decoded", "GET", "/listings/%E0%A4%A", "anonymous"],
];

test.each(everywhere)(
  "S-05: %s says what may run on it, who may frame it and that its type is what it says",
  async (_what, method, path, actor) => {
    const secure = await listen(visitors.site.appWith({ production: true }));
    onTestFinished(secure.close);
    const { headers, status } = await secure.send(method, path, visitors.cookieOf(actor));
    expect(status).toBeLessThan(500);
    const policy = headers["content-security-policy"] ?? "";
    for (const rule of POLICY) expect(policy.split(/; ?/)).toContain(rule);
    expect(policy).not.toMatch(/unsafe|report-to/);
    expect(headers).toMatchObject({
      "strict-transport-security": "max-age=31536000; includeSubDomains",
      "x-content-type-options": "nosniff",
      "referrer-policy": "same-origin",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
    });
    expect(headers["x-powered-by"]).toBeUndefined();
    expect(headers["access-control-allow-origin"]).toBeUndefined();
  },
);

test.each(["/stream", "/stream/fallback?after=0"])(
  "S-22: a page of another site cannot listen at %s in its reader's name",
  async (path) => {
    const { url, send, close } = await listen(visitors.site.appWith({}));
    onTestFinished(close);
    const statusFor = async (headers: Record<string, string>) => {
      const answer = await fetch(url + path, { headers: { Cookie: visitors.cookieOf("bea"), ...headers } });
      await answer.body?.cancel();
      return answer.status;
    };
    for (const site of ["cross-site", "same-site", "none"]) {
      expect([site, await statusFor({ "Sec-Fetch-Site": site })]).toEqual([site, 403]);
    }
    expect(await statusFor({ Origin: "https://evil.test" })).toBe(403);
    expect(await statusFor({ Origin: "null" })).toBe(403);
    expect(await statusFor({ "Sec-Fetch-Site": "cross-site", Origin: url })).toBe(403);
    for (const headers of [{ "Sec-Fetch-Site": "same-origin" }, { Origin: url }, {}]) {
      expect([200, 204]).toContain(await statusFor(headers as Record<string, string>));
    }
    expect((await send("GET", path, "")).status).toBe(401);
  },
);
