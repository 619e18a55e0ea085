import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMetrics } from "../src/metrics.ts";
import { table } from "./accounts/table.ts";
import { alertsIn, anchorsOf, figuresIn, sectionsOf } from "./operations-files.ts";
import { createWorld, type World } from "./world.ts";

const ROOT = path.join(import.meta.dirname, "..");
const read = (file: string) => readFileSync(path.join(ROOT, file), "utf8");

const handbook = read("docs/operations.md");
const alertsFile = read("docs/operations/alerts.yml");
const dashboard: Dashboard = JSON.parse(read("docs/operations/grafana.json"));
const { scripts }: { scripts: Record<string, string> } = JSON.parse(read("package.json"));
const procfile = Object.fromEntries(
  read("Procfile")
    .trim()
    .split("\n")
    .map((line) => line.split(": ")),
);

type Target = { expr: string; datasource: { uid: string } };
type Panel = {
  title: string;
  type: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: Target[];
};
type Dashboard = { schemaVersion: number; panels: Panel[]; templating: { list: { name: string; type: string }[] } };

/** What others of Prometheus' exporters have, and Prometheus itself. */
const FOREIGN = ["up", "probe_success", "node_filesystem_avail_bytes", "node_filesystem_size_bytes"];

let served: string[];
let world: World;
beforeAll(async () => {
  served = (await createMetrics().registry.getMetricsAsJSON()).map(({ name }) => name);
  world = await createWorld();
});
afterAll(() => world.close());

describe("P-12: the dashboard and the alarms", () => {
  const alerts = alertsIn(alertsFile);
  const targets = () => dashboard.panels.flatMap((panel) => panel.targets ?? []);

  test("name no figure that /metrics does not have", () => {
    const known = [...served, ...FOREIGN];
    for (const { alert, expr } of alerts) for (const name of figuresIn(expr)) expect(known, alert).toContain(name);
    for (const { expr } of targets()) for (const name of figuresIn(expr)) expect(known, expr).toContain(name);
  });

  test("show every figure of ours, and those of the process that matter", () => {
    const shown = new Set(targets().flatMap(({ expr }) => figuresIn(expr)));
    const ours = served.filter((name) => name.startsWith("stockbell_"));
    expect(ours.length).toBeGreaterThan(15);
    for (const name of ours) expect(shown, name).toContain(name);
    for (const name of [
      "process_resident_memory_bytes",
      "process_cpu_seconds_total",
      "nodejs_eventloop_lag_p99_seconds",
    ])
      expect(shown).toContain(name);
  });

  test("name labels and values that there are", async () => {
    const said = [...alerts, ...targets()].flatMap(({ expr }) => [
      ...expr.matchAll(/(state|reason|le|event)=~?"([^"]+)"/g),
    ]);
    const values = new Set(
      said.flatMap(([, label, listed = ""]) => listed.split("|").map((value) => `${label} ${value}`)),
    );
    const known = ["failed", "left_lane", "awaited"].map((state) => `state ${state}`);
    const events = ["toast", "inbox", "market", "oversight"].map((event) => `event ${event}`);
    expect([...values].sort()).toEqual([...known, ...events, "reason slow", "reason stalled", "le 0.5"].sort());
    const metrics = createMetrics();
    metrics.delivered(0);
    const text = await metrics.registry.metrics();
    expect(text).toContain('stockbell_delivery_seconds_bucket{le="0.5"}');
  });

  test("every alarm says what is wrong, how soon somebody must look, and which part of the handbook helps", () => {
    expect(alerts.length).toBeGreaterThan(20);
    for (const { alert, summary, runbook, severity } of alerts) {
      expect(summary?.length, alert).toBeGreaterThan(20);
      expect(["page", "ticket"], alert).toContain(severity);
      const [file, anchor = ""] = runbook?.split("#") ?? [];
      expect(file, alert).toBe("docs/operations.md");
      expect(anchorsOf(handbook), alert).toContain(anchor);
      expect(handbook, alert).toContain(alert);
    }
    for (const [, named = ""] of handbook.matchAll(/\b(Stockbell[A-Z]\w+)/g))
      expect(alerts.map(({ alert }) => alert)).toContain(named);
  });

  test("watch the promise by two windows at each of four paces, with its line at 500 ms", () => {
    const paces = alerts.filter(({ expr }) => expr.includes("stockbell:late:ratio"));
    const recorded = [...alertsFile.matchAll(/record: (stockbell:late:ratio\w+)/g)].map(([, name]) => name);
    expect(paces).toHaveLength(4);
    for (const { expr } of paces) {
      const windows = [...expr.matchAll(/stockbell:late:ratio\w+/g)].map(([name]) => name);
      expect(new Set(windows).size).toBe(2);
      for (const window of windows) expect(recorded).toContain(window);
    }
    const lines = dashboard.panels.filter((panel) => JSON.stringify(panel).includes('"value":0.5}'));
    expect(lines.map(({ title }) => title)).toEqual(
      expect.arrayContaining(["From the change to the socket", "From the change to the screen"]),
    );
  });

  test("the dashboard has one data source, which is chosen when it is imported, and no panel lies on another", () => {
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(39);
    expect(dashboard.templating.list.map(({ name, type }) => [name, type])).toEqual([["datasource", "datasource"]]);
    for (const { datasource } of targets()) expect(datasource.uid).toMatch(/^\$\{datasource\}$/);
    const places = new Set<string>();
    for (const { title, gridPos } of dashboard.panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(x < 24 && !places.has(`${x} ${y}`), title).toBe(true);
          places.add(`${x} ${y}`);
        }
  });
});

describe("P-03: the units and Supervisor's file", () => {
  const units = readdirSync(path.join(ROOT, "docs/operations/systemd"));
  const supervised = sectionsOf(read("docs/operations/supervisor.conf"));

  test.each([
    ["stockbell-web@.service", "web"],
    ["stockbell-worker@.service", "worker"],
    ["stockbell-release.service", "release"],
  ])("%s starts what the Procfile has for %s, with nothing to write to and no way to more rights", (file, kind) => {
    expect(units).toContain(file);
    const { Service = {}, Unit = {} } = sectionsOf(read(`docs/operations/systemd/${file}`));
    expect(Service.ExecStart).toBe(`/usr/bin/${procfile[kind]}`);
    expect(Service).toMatchObject({
      NoNewPrivileges: "yes",
      ProtectSystem: "strict",
      ProtectHome: "yes",
      User: "stockbell",
    });
    expect(Service).not.toHaveProperty("MemoryDenyWriteExecute");
    if (kind === "release") return expect(Service.Type).toBe("oneshot");
    expect(Service).toMatchObject({ Restart: "always", KillSignal: "SIGTERM", TimeoutStopSec: "30" });
    expect(Service.MemoryMax).toMatch(/^\d+[MG]$/);
    expect(Unit.StartLimitIntervalSec).toBe("0");
  });

  test("are all that there are, and Supervisor starts and stops the same", () => {
    expect(units).toHaveLength(3);
    for (const kind of ["web", "worker"]) {
      const program = supervised[`program:stockbell-${kind}`] ?? {};
      expect(program.command?.replace(" --env-file=/etc/stockbell/env", "")).toBe(`/usr/bin/${procfile[kind]}`);
      expect(program).toMatchObject({ autorestart: "true", stopsignal: "TERM", stopwaitsecs: "30", user: "stockbell" });
    }
  });
});

describe("the handbook", () => {
  test("names only commands, files and pages that there are", () => {
    for (const [, name = ""] of handbook.matchAll(/npm run ([\w:]+)/g))
      expect([...Object.keys(scripts)]).toContain(name);
    for (const [, link = ""] of handbook.matchAll(/\]\(([^)#:]+)\)/g))
      expect(existsSync(path.join(ROOT, "docs", link)), link).toBe(true);
    for (const [file] of handbook.matchAll(/\b(?:src|test|docs)\/[\w./@-]+\.\w+/g))
      expect(existsSync(path.join(ROOT, file)), file).toBe(true);
    const routes = Object.keys(table).map((route) => route.split(" ")[1]);
    const paths = [...handbook.matchAll(/`(?:\$APP_ORIGIN)?(\/(?:oversight|stream|livez|readyz|metrics)[\w/]*)`/g)];
    expect(paths.length).toBeGreaterThan(10);
    for (const [, page] of paths) expect(routes).toContain(page);
  });

  test("leads nowhere in vain, from README.md either", () => {
    const anchors = anchorsOf(handbook);
    for (const [, anchor] of handbook.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
    expect(new Set(anchors).size).toBe(anchors.length);
    expect(read("README.md")).toContain("](docs/operations.md)");
  });

  test("tells of every figure of ours what is normal", () => {
    const [, normal = ""] = /^## What is normal\n([\s\S]*?)^## /m.exec(handbook) ?? [];
    for (const name of served.filter((one) => one.startsWith("stockbell_")))
      expect(normal, name).toContain(`\`${name}\``);
  });

  test("asks Postgres nothing that it does not understand", async () => {
    const blocks = [...handbook.matchAll(/^ *```sql\n([\s\S]*?)```$/gm)].map(([, block = ""]) => block);
    const inText = [...handbook.matchAll(/`((?:select|truncate|vacuum)[^`<]+;)`/g)].map(
      ([, statement = ""]) => statement,
    );
    const statements = [...blocks.join("\n").split(";"), ...inText].map((one) => one.trim().replace(/;$/, ""));
    expect(statements.filter(Boolean).length).toBeGreaterThan(12);
    for (const statement of statements.filter(Boolean))
      await expect(sql.raw(statement).execute(world.db), statement).resolves.toBeDefined();
  });

  test("quotes what the processes say", () => {
    const said = ["the sweep could not reach the database", "a stream ended", "people of the demo", "is taken"];
    const source = ["stream/sweep.ts", "stream/routes.ts", "server.ts"].map((file) => read(`src/${file}`)).join("");
    for (const words of said) {
      expect(handbook).toContain(words);
      expect(source).toContain(words);
    }
  });
});

describe("P-01: the variables", () => {
  const example = [...read(".env.example").matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, name = ""]) => name);
  const readme = read("README.md");
  const app: { env: Record<string, unknown>; addons: { plan: string }[] } = JSON.parse(read("app.json"));

  test("of the handbook, the units and app.json are those of .env.example, and the README's table has all", () => {
    const [, file = ""] = /`\/etc\/stockbell\/env`[\s\S]*?```sh\n([\s\S]*?)```/.exec(handbook) ?? [];
    const inFile = [...file.matchAll(/^([A-Z_]+)=/gm)].map(([, name = ""]) => name);
    expect(inFile).toEqual(
      expect.arrayContaining(["NODE_ENV", "APP_ORIGIN", "SESSION_SECRET", "DATABASE_URL", "REDIS_URL"]),
    );
    expect(inFile).not.toContain("PORT");
    const inText = [...handbook.matchAll(/`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`/g)].map(([, name = ""]) => name);
    const known = [...example];
    for (const name of [...inFile, ...inText, ...Object.keys(app.env)]) expect(known).toContain(name);
    for (const name of example) expect(readme).toContain(`\`${name}\``);
  });

  test("that production cannot do without are asked for, made or brought by what app.json adds", () => {
    for (const name of ["NODE_ENV", "SESSION_SECRET", "APP_ORIGIN"]) expect(app.env).toHaveProperty(name);
    const plans = app.addons.map(({ plan }) => plan).join();
    for (const addon of ["heroku-postgresql", "heroku-redis"]) expect(plans).toContain(addon);
  });
});
