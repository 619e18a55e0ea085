import { z } from "zod";

export type ProcessKind = "start" | "web" | "worker" | "release" | "seed";

const redisUrl = z.url({ protocol: /^rediss?$/, error: "must start with redis:// or rediss://" });
const databaseUrl = z.url({
  protocol: /^postgres(ql)?$/,
  error: "must start with postgres:// or postgresql://",
});
const DEVELOPMENT_SECRET = "for-development-only-never-in-production";

const variables = z.object({
  NODE_ENV: z.enum(["development", "test", "production"]).default("development"),
  PORT: z.coerce.number().int().min(0).max(65535).default(3000),
  HOST: z.string().min(1).optional(),
  DATABASE_URL: databaseUrl.optional(),
  REDIS_URL: redisUrl.optional(),
  SESSION_SECRET: z
    .string()
    .transform((list) => list.split(",").map((secret) => secret.trim()))
    .refine((list) => list.every((secret) => secret.length > 0), "has an empty entry")
    .optional(),
  APP_ORIGIN: z
    .url({ protocol: /^https?$/, error: "must be an address such as https://stock.example.com" })
    .transform((address) => new URL(address).origin)
    .optional(),
  TRUST_PROXY: z.coerce.number().int().min(0).max(10).optional(),
  DATABASE_CA: z.string().min(1).optional(),
  REDIS_CA: z.string().min(1).optional(),
  TLS_ALLOW_UNVERIFIED: z
    .string()
    .default("")
    .transform((list) => list.split(",").filter(Boolean))
    .refine(
      (list) => list.every((name) => name === "database" || name === "redis"),
      "may only name database and redis",
    ),
  WEB_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(1),
  WORKER_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(4),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
  METRICS_TOKEN: z.string().min(16, "needs 16 characters at least").optional(),
  STREAM_MAX_PER_USER: z.coerce.number().int().min(1).max(1000).default(10),
  STREAM_MAX: z.coerce.number().int().min(1).default(20_000),
});

export type Config = ReturnType<typeof loadConfig>;

/** Thrown by loadConfig: its message names every wrong variable and prints no value. */
export class ConfigError extends Error {}

/**
 * Reads and validates the environment, once, at the start of a process.
 * @param kind which process asks: production needs more of some than of others
 * @throws ConfigError naming every wrong or missing variable, without their values
 */
export function loadConfig(kind: ProcessKind, env: NodeJS.ProcessEnv = process.env) {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = variables.safeParse(given);
  const problems = parsed.success
    ? productionProblems(kind, parsed.data)
    : [
        ...parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`),
        ...productionProblems(kind, partlyParsed(given)),
      ];
  if (problems.length > 0 || !parsed.success) {
    throw new ConfigError(`The environment is not right. ${[...new Set(problems)].join("; ")}`);
  }
  return settings(parsed.data);
}

type Variables = z.output<typeof variables>;

function settings(env: Variables) {
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
    metricsToken: env.METRICS_TOKEN,
    streamMaxPerUser: env.STREAM_MAX_PER_USER,
    streamMax: env.STREAM_MAX,
  };
}

// Each variable is tried alone, so that a wrong one does not hide that another is missing.
function partlyParsed(env: Record<string, unknown>): Partial<Variables> {
  const shape = Object.entries(variables.shape);
  return Object.fromEntries(
    shape.map(([name, schema]) => [name, schema.safeParse(env[name])] as const)
      .flatMap(([name, result]) => (result.success ? [[name, result.data]] : [[name, "wrong"]])),
  );
}

function productionProblems(kind: ProcessKind, env: Partial<Variables>): string[] {
  const problems: string[] = [];
  const missing = (name: keyof Variables) => {
    if (env[name] === undefined) problems.push(`${name}: is required in production`);
  };
  if (kind === "seed" && env.NODE_ENV === "production") {
    problems.push("NODE_ENV: demo people never go into production");
  }
  if (env.NODE_ENV !== "production") {
    if (kind !== "start" && env.DATABASE_URL === undefined) problems.push("DATABASE_URL: is required");
    return problems;
  }
  missing("DATABASE_URL");
  if (kind === "release" || kind === "seed") return problems;
  missing("REDIS_URL");
  if (kind === "worker") return problems;
  missing("SESSION_SECRET");
  missing("APP_ORIGIN");
  if (Array.isArray(env.SESSION_SECRET) && env.SESSION_SECRET.some(weak)) {
    problems.push("SESSION_SECRET: every entry needs 32 characters at least, and not the development one");
  }
  if (typeof env.APP_ORIGIN === "string" && env.APP_ORIGIN.startsWith("http:")) {
    problems.push("APP_ORIGIN: must start with https:// in production");
  }
  return problems;
}

function weak(secret: string): boolean {
  return secret.length < 32 || secret === DEVELOPMENT_SECRET;
}
