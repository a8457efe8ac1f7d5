// The outside of a running engine on one port: HTTP, WebSocket and the console.
import type { CustomerKey, TrackingCode } from "../domain/ids.ts";
import type { Engine } from "../engine.ts";
import { LIMITS } from "../limits.ts";
import type { JournalTail } from "../peer/journal-tail.ts";
import type { AdmissionBounds } from "./admission.ts";
import { jsonAnswer } from "./answer.ts";
import { asyncApi } from "./asyncapi.ts";
import type { Guard } from "./auth/guard.ts";
import type { Tickets } from "./auth/tickets.ts";
import { createCallersNotice } from "./callers-notice.ts";
import { createHttp } from "./http.ts";
import type { IdempotencyStore } from "./idempotency.ts";
import { withIdempotency } from "./idempotency.ts";
import { createLive } from "./live.ts";
import type { OnShown } from "./live-topics.ts";
import { openApi } from "./openapi.ts";
import type { OriginPolicy } from "./origin.ts";
import { isLoopback } from "./origin.ts";
import type { DeliverMetrics, Exposition, Log } from "./ports.ts";
import { problemAnswer } from "./problem.ts";
import type { Route } from "./route.ts";
import { campaignsRoute } from "./route-campaigns.ts";
import { decisionRoutes } from "./route-decisions.ts";
import { eraseRoute } from "./route-erase.ts";
import { eventsRoute } from "./route-events.ts";
import { inspectRoutes } from "./route-inspect.ts";
import { outcomeRoute } from "./route-outcomes.ts";
import { quotasRoute } from "./route-quotas.ts";
import { customerRoute, operationRoutes, rulebookRoutes } from "./route-reads.ts";
import { rollbackRoute } from "./route-rollback.ts";
import { ticketsRoute } from "./route-tickets.ts";
import { staticRoutes } from "./static-files.ts";
import { createUnsent } from "./unsent.ts";
import type { ListenSocket } from "./uws.ts";
import { listenOn, loadUws } from "./uws.ts";

export interface ServerConfig extends OriginPolicy {
  /** 0: any free port. */
  readonly port: number;
  readonly consoleDir: string;
  /** Of requests without an answer; left out: those of engine/limits.ts. */
  readonly bounds?: AdmissionBounds;
  /** How long a body may take; left out: as engine/limits.ts has it. */
  readonly bodyWithinMs?: number;
  readonly version: string;
}

export interface ServerDeps {
  readonly engine: Engine;
  /** Commits of all partitions, for those who follow them here. */
  readonly tail: JournalTail;
  /** Routes that are no part of the API: what other engines ask. */
  readonly internal: readonly Route[];
  readonly config: ServerConfig;
  readonly metrics: DeliverMetrics;
  readonly exposition: Exposition;
  readonly log: Log;
  readonly idempotency: IdempotencyStore;
  readonly guard: Guard;
  readonly tickets: Tickets;
  /** Appends `$delivered` for an NBA that a screen got; settles when durable. */
  readonly delivered: (key: CustomerKey, code: TrackingCode) => Promise<void>;
}

export interface Server {
  /** Rejects with one line where the port cannot be had. */
  readonly listen: () => Promise<{ readonly port: number }>;
  /** Takes a part of the connections to this port as well, beside the other workers of this machine. Rejects as `listen`. */
  readonly share: (port: number) => Promise<void>;
  /**
   * From now on every answer closes its connection. Settles when those who watch /readyz have had time to notice that this
   * engine leaves, at most `lingerMs` later; at once where there is nobody. All is answered meanwhile.
   */
  readonly retire: (lingerMs: number) => Promise<void>;
  /** Takes nothing new, closes sockets with 1012 little by little, and waits at most `drainMs` for that and for requests without an answer. */
  readonly close: (drainMs: number) => Promise<void>;
}

/** Throws where no native uWebSockets.js runs here. */
export function createServer(deps: ServerDeps): Server {
  const { engine, config, metrics, log, guard, tickets } = deps;
  const uws = loadUws();
  const app = uws.App();
  const origins: OriginPolicy = { host: config.host, allowedOrigins: config.allowedOrigins };
  const unsent = createUnsent(LIMITS.unsentBytesMax);
  const notice = createCallersNotice(!isLoopback(config.host));
  const onShown = shownBy(deps);
  const live = createLive({ engine, tail: deps.tail, origins, guard, tickets, metrics, log, unsent, onShown });
  const api = apiRoutes(deps);
  const routes = [
    ...api,
    ...documents(api, config.version),
    LIVE_WITHOUT_UPGRADE,
    ...staticRoutes(config.consoleDir),
    ...deps.internal,
  ];
  const { requestsInFlightMax: requestsMax, requestBytesInFlightMax: bytesMax } = LIMITS;
  const bounds = config.bounds ?? { requestsMax, bytesMax };
  const { bodyWithinMs = LIMITS.bodyWithinMs } = config;
  const http = createHttp({ routes, origins, guard, metrics, log, bounds, bodyWithinMs, unsent, notice });
  live.attach(app);
  http.attach(app);
  const listening: ListenSocket[] = [];
  const listen = (port: number, exclusive: boolean): Promise<{ readonly port: number }> =>
    new Promise((resolve, reject) => {
      listenOn(app, { host: config.host, port, exclusive }, (socket) => {
        if (socket === false) return reject(new Error(`cannot listen on ${config.host}:${port}: is the port in use?`));
        listening.push(socket);
        resolve({ port: uws.us_socket_local_port(socket) });
      });
    });

  return {
    listen: () => listen(config.port, true),
    share: async (port) => void (await listen(port, false)),
    retire: async (lingerMs) => {
      http.drain();
      const leftMs = performance.now();
      if (!notice.isWatched(leftMs)) return;
      for (let nowMs = leftMs; nowMs - leftMs < lingerMs && !notice.isNoticed(leftMs, nowMs); nowMs = performance.now())
        await new Promise((wake) => setTimeout(wake, 10));
    },
    close: async (drainMs) => {
      for (const socket of listening.splice(0)) uws.us_listen_socket_close(socket);
      http.drain();
      let isDrained = false;
      void live.drain().then(() => {
        isDrained = true;
      });
      const until = performance.now() + drainMs;
      while ((http.inFlight() > 0 || !isDrained) && performance.now() < until)
        await new Promise((wake) => setTimeout(wake, 10));
      // One more turn: the last answers and closing frames are on their way.
      await new Promise((wake) => setTimeout(wake, Math.min(50, drainMs)));
      app.close();
      guard.close();
    },
  };
}

/** Everything that is documented in /openapi.json. */
export function apiRoutes(
  deps: Pick<ServerDeps, "engine" | "idempotency" | "exposition" | "tickets">,
): readonly Route[] {
  const { engine, idempotency } = deps;
  return [
    ...decisionRoutes(engine),
    ...inspectRoutes(engine),
    outcomeRoute(engine),
    eventsRoute(engine),
    customerRoute(engine),
    eraseRoute(engine),
    campaignsRoute(engine),
    ...rulebookRoutes(engine),
    rollbackRoute(engine),
    quotasRoute(engine),
    ticketsRoute(deps.tickets),
    ...operationRoutes(engine, deps.exposition),
  ].map((route) => withIdempotency(route, idempotency));
}

function documents(api: readonly Route[], version: string): readonly Route[] {
  const document = (path: string, value: object): Route => {
    const { body: text, ...head } = jsonAnswer(200, value, { "cache-control": "no-cache" });
    // Bytes that all its readers share, also those that read slowly.
    const answer = { ...head, body: Buffer.from(text) };
    return {
      method: "GET",
      path,
      operation: "document",
      access: "public",
      summary: "A description of the API",
      bodyMax: 0,
      consumes: [],
      answers: { 200: { description: "the document" } },
      problems: [],
      answer: () => answer,
    };
  };
  return [document("/openapi.json", openApi(api, version)), document("/asyncapi.json", asyncApi(version))];
}

/** What a plain GET of the WebSocket's path is told. */
const LIVE_WITHOUT_UPGRADE: Route = {
  method: "GET",
  path: "/v1/live",
  operation: "live",
  access: "open",
  summary: "The WebSocket, described in /asyncapi.json",
  bodyMax: 0,
  consumes: [],
  answers: {},
  problems: ["upgrade-required"],
  answer: () =>
    problemAnswer("upgrade-required", "open it as a WebSocket; /asyncapi.json says what is spoken", [], {
      upgrade: "websocket",
    }),
};

/** Channels that count at delivery: an NBA on a screen is delivered. */
function shownBy({ engine, delivered, log }: ServerDeps): OnShown {
  return (key, code, channel) => {
    const declared = engine.rulebook().channels.find((each) => each.name === channel);
    if (declared?.kind !== "websocket" || declared.countsAt !== "delivered") return;
    delivered(key, code).catch((error: unknown) => {
      // Its reservation is released by a timer, and it may be shown again.
      log.warn("a delivery was not recorded", { channel, why: error instanceof Error ? error.message : String(error) });
    });
  };
}
