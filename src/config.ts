import { z } from "zod";

export type ProcessKind = "start" | "web" | "worker" | "release" | "seed";

const DEVELOPMENT_SECRET = "for-development-only-never-in-production";
const certificate = z.string().includes("-----BEGIN CERTIFICATE-----", "must be a certificate in PEM format");

const variables = z.object({
  NODE_ENV: z
    .enum(["development", "test", "production"], "must be development, test or production")
    .default("development"),
  PORT: whole(0, 65_535).default(3000),
  HOST: z.string().optional(),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: "must be an address that starts with postgres:// or postgresql://" })
    .optional(),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: "must be an address that starts with redis:// or rediss://" })
    .optional(),
  SESSION_SECRET: z
    .string()
    .transform(entries)
    .refine((list) => list.every(Boolean), "has an empty entry")
    .optional(),
  APP_ORIGIN: z
    .url({ protocol: /^https?$/, error: "must be an address such as https://stock.example.com" })
    .transform((address) => new URL(address).origin)
    .optional(),
  TRUST_PROXY: whole(0, 10).optional(),
  DATABASE_CA: certificate.optional(),
  REDIS_CA: certificate.optional(),
  TLS_ALLOW_UNVERIFIED: z
    .string()
    .transform(entries)
    .pipe(z.array(z.enum(["database", "redis"], "may only list database and redis")))
    .default([]),
  WEB_CONCURRENCY: whole(1, 64).default(1),
  WORKER_CONCURRENCY: whole(1, 64).default(4),
  LOG_LEVEL: z
    .enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"], "must be a level such as info or warn")
    .default("info"),
  RELEASE: z.string().max(60, "may have 60 characters at the most").optional(),
  METRICS_TOKEN: z.string().min(16, "needs 16 characters at least").optional(),
  STREAM_MAX_PER_USER: whole(1, 1000).default(10),
  STREAM_MAX: whole(1, 1_000_000).default(20_000),
  RETENTION_DAYS: whole(30, 36_500).default(400),
});

type Name = keyof typeof variables.shape;
type Given = Partial<Record<string, string>>;

export type Config = ReturnType<typeof loadConfig>;

/** Thrown by loadConfig: its message names every wrong variable and holds no value. */
export class ConfigError extends Error {}

/**
 * Reads and checks the environment, once, at the start of a process. An empty variable counts as unset.
 * @param kind which process asks: production needs more of some than of others
 * @throws ConfigError naming every wrong or missing variable at once, without their values
 */
export function loadConfig(kind: ProcessKind, env: NodeJS.ProcessEnv = process.env) {
  const given: Given = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const parsed = variables.safeParse(given);
  const issues = parsed.error?.issues.map((issue) => [String(issue.path[0]), issue.message] as const) ?? [];
  // One complaint a variable is enough: that it is malformed goes before that it is weak.
  const problems = new Map([...broken(kind, given), ...issues]);
  if (!parsed.success || problems.size > 0) throw new ConfigError(inWords(problems));
  return settings(parsed.data);
}

type Link = {
  connectionString?: string;
  ssl?: { ca?: string; host?: string; rejectUnauthorized?: boolean } | undefined;
};

/** What a connection to the database must know. */
export type LinkSettings = Pick<Config, "databaseUrl" | "databaseCa" | "unverifiedTls"> &
  Partial<Pick<Config, "production">>;

/**
 * The database's address, and TLS as the environment says: in production verified, unless the database is on this machine.
 * What the address itself asks for (sslmode) counts only beyond that, or it would silently undo a pinned certificate.
 */
export function databaseLink({ databaseUrl, databaseCa, unverifiedTls, production }: LinkSettings): Link {
  if (!databaseUrl) return {};
  const url = new URL(databaseUrl);
  const asked = url.searchParams.get("sslmode");
  const plain = { connectionString: databaseUrl };
  if (databaseCa) return withTls({ ca: databaseCa, host: url.hostname });
  if (unverifiedTls.includes("database")) {
    const wanted = asked ? asked !== "disable" : !isThisMachine(url);
    return wanted ? withTls({ rejectUnauthorized: false }) : plain;
  }
  return production && !isThisMachine(url) ? withTls({ host: url.hostname }) : plain;

  function withTls(ssl: Link["ssl"]): Link {
    for (const name of ["sslmode", "ssl", "sslrootcert", "uselibpqcompat"]) url.searchParams.delete(name);
    return { connectionString: url.href, ssl };
  }
}

function isThisMachine({ hostname, searchParams }: URL): boolean {
  const host = searchParams.get("host") ?? hostname;
  return host === "" || host.startsWith("/") || /^(localhost|127\.[\d.]+|\[::1\])$/.test(host);
}

function settings(env: z.output<typeof variables>) {
  const production = env.NODE_ENV === "production";
  return {
    production,
    port: env.PORT,
    host: env.HOST ?? (production ? undefined : "127.0.0.1"),
    databaseUrl: env.DATABASE_URL,
    redisUrl: env.REDIS_URL,
    sessionSecrets: env.SESSION_SECRET ?? [DEVELOPMENT_SECRET],
    appOrigin: env.APP_ORIGIN,
    trustProxy: env.TRUST_PROXY ?? (production ? 1 : 0),
    databaseCa: env.DATABASE_CA,
    redisCa: env.REDIS_CA,
    unverifiedTls: env.TLS_ALLOW_UNVERIFIED,
    webConcurrency: env.WEB_CONCURRENCY,
    workerConcurrency: env.WORKER_CONCURRENCY,
    logLevel: env.LOG_LEVEL,
    release: env.RELEASE ?? "unnamed",
    metricsToken: env.METRICS_TOKEN,
    streamMaxPerUser: env.STREAM_MAX_PER_USER,
    streamMax: env.STREAM_MAX,
    retentionDays: env.RETENTION_DAYS,
  };
}

/** The rules that depend on the process and on where it runs. */
function broken(kind: ProcessKind, env: Given): [Name, string][] {
  const serves = kind === "web" || kind === "start";
  if (env.NODE_ENV !== "production") {
    return kind === "start" || env.DATABASE_URL ? [] : [["DATABASE_URL", "is required"]];
  }
  const required: Name[] = ["DATABASE_URL"];
  if (kind === "web" || kind === "worker") required.push("REDIS_URL");
  if (serves) required.push("SESSION_SECRET", "APP_ORIGIN");
  const problems = required
    .filter((name) => !env[name])
    .map((name): [Name, string] => [name, "is required in production"]);
  if (kind === "seed") problems.push(["NODE_ENV", "is production, where demo people have no place"]);
  if (serves && entries(env.SESSION_SECRET ?? "").some(isWeak)) {
    problems.push([
      "SESSION_SECRET",
      "needs 32 random characters at least in each entry, and not those of the examples",
    ]);
  }
  if (serves && env.APP_ORIGIN?.startsWith("http:"))
    problems.push(["APP_ORIGIN", "must start with https:// in production"]);
  return problems;
}

function inWords(problems: Map<string, string>): string {
  const list = [...problems].map(([name, problem]) => `${name} ${problem}`);
  return `the environment is not right: ${list.join("; ")}.`;
}

function isWeak(secret: string): boolean {
  return secret.length < 32 || secret === DEVELOPMENT_SECRET || new Set(secret).size < 10;
}

function entries(list: string): string[] {
  return list.split(",").map((entry) => entry.trim());
}

function whole(min: number, max: number) {
  const words = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, words)
    .transform(Number)
    .refine((value) => value >= min && value <= max, words);
}
