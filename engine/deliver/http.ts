// Between uWebSockets.js and the routes. The traps of the library live here: onAborted before anything waits, the request
// copied at once (it is gone after the callback), chunks that vanish, late writes inside `cork`.
import type { AdmissionBounds } from "./admission.ts";
import type { Answer } from "./answer.ts";
import type { Guard, LetIn } from "./auth/guard.ts";
import type { CallersNotice } from "./callers-notice.ts";
import { collect, TOO_MANY } from "./collect-body.ts";
import { corsHeaders, preflight } from "./cors.ts";
import { createDoors } from "./doors.ts";
import type { Exchange } from "./exchange.ts";
import type { OriginPolicy } from "./origin.ts";
import { isAllowedOrigin, isOwnHost } from "./origin.ts";
import type { DeliverMetrics, Log } from "./ports.ts";
import { problemAnswer, quoted } from "./problem.ts";
import { requestFailure } from "./request-failure.ts";
import type { Incoming, Route } from "./route.ts";
import { mediaTypeOf, validTraceparent } from "./route.ts";
import type { Routed } from "./router.ts";
import { createRouter } from "./router.ts";
import type { Unsent } from "./unsent.ts";
import type { App, Request, Response } from "./uws.ts";
import { addressOf, writeAnswer } from "./write-answer.ts";

export interface HttpDeps {
  readonly routes: readonly Route[];
  readonly origins: OriginPolicy;
  readonly guard: Guard;
  readonly metrics: DeliverMetrics;
  readonly log: Log;
  /** Of requests under /v1; those of operators are always answered. */
  readonly bounds: AdmissionBounds;
  /** How long a body may take that does not come with its headers. */
  readonly bodyWithinMs: number;
  readonly unsent: Unsent;
  readonly notice: CallersNotice;
}

export interface HttpSide {
  readonly attach: (app: App) => void;
  /** Requests that have no answer yet, or not all of it. */
  readonly inFlight: () => number;
  /** From now on every answer closes its connection. */
  readonly drain: () => void;
}

export function createHttp(deps: HttpDeps): HttpSide {
  const { origins, guard, metrics, log, unsent, notice, bodyWithinMs: withinMs } = deps;
  const route = createRouter(deps.routes);
  const doors = createDoors(deps.bounds);
  const state = { inFlight: 0, draining: false };

  const finish = (exchange: Exchange, answer: Answer, closeConnection = false): void => {
    if (exchange.isEnded) return;
    exchange.isEnded = true;
    clearTimeout(exchange.timer);
    state.inFlight--;
    exchange.admission?.leave(exchange.bodyBytes);
    const nowMs = performance.now();
    metrics.onRequest(exchange.route.operation, answer.status, (nowMs - exchange.startedMs) / 1_000);
    notice.onAnswer(exchange.route.operation, answer.status, nowMs);
    const { res, cors: more, head } = exchange;
    if (!exchange.aborted)
      writeAnswer(res, answer, { more, head, closeConnection: closeConnection || state.draining, unsent });
    exchange.aborted = true;
  };

  const run = async (exchange: Exchange, body: Uint8Array): Promise<void> => {
    const receivedMs = performance.now();
    try {
      const letIn = await exchange.letIn;
      // What `conclude` answered is over: it hears of the same verdict first.
      if (letIn.kind === "refused" || exchange.isEnded) return;
      const { caller } = letIn;
      finish(exchange, await exchange.route.answer({ ...exchange.incoming, caller, body, receivedMs }));
    } catch (error) {
      finish(exchange, requestFailure(error, exchange.route.operation, log));
    }
  };

  /** A verdict came that took time, before the body or after it: whoever is refused is told at once. */
  const conclude = (exchange: Exchange, letIn: LetIn): void => {
    if (exchange.isEnded) return;
    if (letIn.kind === "refused") finish(exchange, letIn.answer, !exchange.isWhole);
    else if (!doors.letIn(exchange)) finish(exchange, TOO_MANY, !exchange.isWhole);
  };

  const turnAway = (res: Response, req: Request, more: Exchange["cors"], head: boolean): void =>
    writeAnswer(res, TOO_MANY, { more, head, closeConnection: hasBody(req), unsent });

  const read = (exchange: Exchange, req: Request): void => {
    const { letIn } = exchange;
    const isOut = "kind" in letIn && letIn.kind === "refused";
    const early = isOut ? letIn.answer : refuseMedia(exchange.route, req);
    // Nothing of its body is read.
    if (early !== undefined) {
      finish(exchange, early, hasBody(req));
      return;
    }
    if (letIn instanceof Promise) void letIn.then((verdict) => conclude(exchange, verdict));
    if (exchange.isWhole) {
      void run(exchange, EMPTY);
      return;
    }
    const length = req.getHeader("content-length");
    const isChunked = length === "" && req.getHeader("transfer-encoding") !== "";
    collect(exchange, { announced: Number(length), isChunked, withinMs, run, finish });
  };

  const handle = (res: Response, req: Request): void => {
    // Before anything is answered: to the library a HEAD never is, and it ends the process where nobody would hear of its end.
    res.onAborted(ignore);
    const method = req.getCaseSensitiveMethod();
    const head = method === "HEAD";
    const path = req.getUrl();
    const cors = corsHeaders(origins, req.getHeader("origin"));
    const refusal = refuse(req, method, origins);
    if (refusal !== undefined) {
      writeAnswer(res, refusal, { more: cors, head, closeConnection: true, unsent });
      return;
    }
    const routed = route(method, path);
    if (routed.kind !== "found") {
      const answer =
        method === "OPTIONS" && routed.kind === "no-method"
          ? preflight(origins, req.getHeader("origin"), routed.allow)
          : noRoute(routed, method, path);
      writeAnswer(res, answer, { more: cors, head, closeConnection: hasBody(req), unsent });
      return;
    }
    const { access } = routed.route;
    const isBounded = path.startsWith("/v1/");
    if (isBounded && doors.isFull(access)) {
      turnAway(res, req, cors, head);
      return;
    }
    const authorization = req.getHeader("authorization");
    const letIn = routed.route.judge?.(authorization) ?? guard.judge(access, authorization, () => addressOf(res));
    const admission = isBounded ? doors.doorOf(access, letIn) : undefined;
    if (admission?.enter() === false) {
      turnAway(res, req, cors, head);
      return;
    }
    const exchange: Exchange = {
      res,
      incoming: copyRequest(req, method, path, routed.parameter),
      letIn,
      cors,
      route: routed.route,
      head,
      startedMs: performance.now(),
      admission,
      bodyBytes: 0,
      isWhole: routed.route.bodyMax === 0,
      timer: undefined,
      aborted: false,
      isEnded: false,
    };
    state.inFlight++;
    res.onAborted(() => {
      exchange.aborted = true;
    });
    read(exchange, req);
  };

  return {
    attach: (app) => void app.any("/*", handle),
    inFlight: () => state.inFlight + unsent.count(),
    drain: () => {
      state.draining = true;
    },
  };
}

const EMPTY = new Uint8Array(0);
const ignore = (): void => undefined;

function copyRequest(
  req: Request,
  method: string,
  path: string,
  parameter: string,
): Omit<Incoming, "body" | "receivedMs" | "caller"> {
  return {
    method,
    path,
    parameter,
    query: new URLSearchParams(req.getQuery()),
    contentType: req.getHeader("content-type"),
    accept: req.getHeader("accept"),
    idempotencyKey: req.getHeader("idempotency-key"),
    ifNoneMatch: req.getHeader("if-none-match"),
    traceparent: validTraceparent(req.getHeader("traceparent")),
  };
}

/** They change nothing, and what they answer a page of another origin cannot read; OPTIONS asks for permission first. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

function refuse(req: Request, method: string, origins: OriginPolicy): Answer | undefined {
  const host = req.getHeader("host");
  if (!isOwnHost(origins, host))
    return problemAnswer("wrong-host", `host ${quoted(host)}: use localhost, or list the origin as allowed`);
  if (hasTwoLengths(req)) return problemAnswer("invalid-parameter", "two headers content-length that differ: send one");
  const origin = req.getHeader("origin");
  if (SAFE.has(method) || isAllowedOrigin(origins, origin, host)) return undefined;
  return problemAnswer("forbidden-origin", `origin ${quoted(origin)} is neither this host nor on the allow-list`);
}

/** The library goes by the first. A proxy that goes by another would take a part of the body for a request of somebody else. */
function hasTwoLengths(req: Request): boolean {
  const first = req.getHeader("content-length");
  let differs = false;
  if (first !== "")
    req.forEach((name, value) => {
      if (name === "content-length" && value !== first) differs = true;
    });
  return differs;
}

function refuseMedia(route: Route, req: Request): Answer | undefined {
  if (route.consumes.length === 0) return undefined;
  const mediaType = mediaTypeOf(req.getHeader("content-type"));
  if (route.consumes.includes(mediaType)) return undefined;
  const got = mediaType === "" ? "no content-type" : `content-type ${quoted(mediaType)}`;
  return problemAnswer("unsupported-media-type", `${got}: send ${route.consumes.join(" or ")}`, [], {
    "accept-post": route.consumes.join(", "),
  });
}

function noRoute(routed: Exclude<Routed<Route>, { kind: "found" }>, method: string, path: string): Answer {
  switch (routed.kind) {
    case "no-path":
      return problemAnswer("not-found", `there is no path ${quoted(path)}; /openapi.json lists what there is`);
    case "bad-parameter":
      return problemAnswer("invalid-parameter", `the path ${quoted(path)} is not percent-encoded as it should be`);
    case "no-method":
      return problemAnswer("method-not-allowed", `${method} is not taken here; use ${routed.allow}`, [], {
        allow: routed.allow,
      });
  }
}

function hasBody(req: Request): boolean {
  return req.getHeader("content-length") !== "" || req.getHeader("transfer-encoding") !== "";
}
