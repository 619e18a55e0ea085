import { randomUUID } from "node:crypto";
import express, { type Express, type RequestHandler } from "express";
import helmet from "helmet";
import type { Kysely } from "kysely";
import type pg from "pg";
import { pinoHttp } from "pino-http";
import { ownRequestsOnly } from "./access.ts";
import { type AccountParts, accountRoutes } from "./accounts/routes.ts";
import { createSessions } from "./accounts/sessions.ts";
import { assetRoutes } from "./assets.ts";
import type { Bus } from "./bus.ts";
import type { Config } from "./config.ts";
import type { Database } from "./db.ts";
import { answerInTime, handleErrors, handleMissing } from "./error-pages.ts";
import { formsOnly } from "./forms.ts";
import { healthRoutes } from "./health.ts";
import { homeRoutes } from "./home.ts";
import type { Log } from "./log.ts";
import { marketplaceRoutes } from "./marketplace/routes.ts";
import type { Metrics } from "./metrics.ts";
import { withInbox } from "./notifications/page-head.ts";
import { preferenceRoutes } from "./notifications/preference-routes.ts";
import { notificationRoutes } from "./notifications/routes.ts";
import { whyRoutes } from "./notifications/why-routes.ts";
import { oversightRoutes } from "./oversight/routes.ts";
import { reportRoutes } from "./reports.ts";
import { isStreams } from "./stream/connection.ts";
import type { Hub } from "./stream/hub.ts";
import type { MarketCards } from "./stream/market.ts";
import type { Reads } from "./stream/reads.ts";
import { streamRoutes } from "./stream/routes.ts";

export type AppParts = {
  config: Config;
  pool: pg.Pool;
  db: Kysely<Database>;
  bus: Bus;
  hub: Hub;
  log: Log;
  metrics: Metrics;
  cards: MarketCards;
  reads: Reads;
  hashCost?: AccountParts["hashCost"];
};

/** The whole web application: the order of everything that a request passes, on one page. */
export function createApp(parts: AppParts): Express {
  const { config, db, log } = parts;
  const sessions = createSessions(parts);
  const app = express();
  app.disable("x-powered-by");
  app.set("trust proxy", config.trustProxy);
  app.set("query parser", "simple");

  // Before anything could be answered into a stream: browsers do not send a second request there, others may.
  app.use((req, _res, next) => (isStreams(req.socket) ? void req.socket.destroy() : next()));
  // "*" and the like: there are no sessions outside of paths.
  app.use((req, res, next) => (req.path.startsWith("/") ? next() : void res.status(400).end()));
  app.use(nameRequest);
  app.use(secured(config.production));
  // Streams come in thousands at once, so they pass no more than they need; and they read the session without keeping it
  // alive, so they come before what does.
  app.use(streamRoutes(parts, [answerInTime(log), sessions.readOnly]));
  app.use(assetRoutes());
  app.use(healthRoutes(parts));
  app.use(pinoHttp({ logger: log, autoLogging: false, quietReqLogger: true, genReqId: (req) => req.id }));
  app.use(ownRequestsOnly(config.appOrigin));
  app.use(reportRoutes(parts));
  app.use(express.urlencoded({ extended: false, limit: "100kb", parameterLimit: 100 }), formsOnly);
  app.use(answerInTime(log));
  app.use(sessions.middleware);
  app.use(withInbox(db));
  app.use(homeRoutes(db));
  app.use(accountRoutes(parts));
  app.use(marketplaceRoutes(db));
  app.use(notificationRoutes(db));
  app.use(preferenceRoutes(db));
  app.use(whyRoutes(db));
  app.use(oversightRoutes(db, log));
  app.use(handleMissing);
  app.use(handleErrors(log));
  return app;
}

/** The name under which the log speaks of a request: the one that the platform's router has given it, or else one of ours. */
const nameRequest: RequestHandler = (req, _res, next) => {
  const given = req.get("X-Request-Id");
  req.id = given && /^[\w-]{1,64}$/.test(given) ? given : randomUUID();
  next();
};

function secured(production: boolean) {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        workerSrc: ["'self'"],
        manifestSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        objectSrc: ["'none'"],
        frameAncestors: ["'none'"],
        // Not "report-to", which takes its place where it is known: those reports say neither where they come from nor of
        // which site, and no request that could change something is taken without that.
        reportUri: ["/csp-reports"],
        ...(production ? { upgradeInsecureRequests: [] } : {}),
      },
    },
    strictTransportSecurity: production ? { maxAge: 31_536_000, includeSubDomains: true } : false,
    referrerPolicy: { policy: "same-origin" },
    // The policy above says what these say, or browsers have done without them for years; each answer is shorter.
    frameguard: false,
    dnsPrefetchControl: false,
    ieNoOpen: false,
    permittedCrossDomainPolicies: false,
    xssFilter: false,
    originAgentCluster: false,
  });
}
