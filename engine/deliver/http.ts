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
import { type RequestHeaders, readHeaders } from "./request-headers.ts";
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

  const turnAway = (res: Response, headers: RequestHeaders, more: Exchange["cors"], head: boolean): void =>
    writeAnswer(res, TOO_MANY, { more, head, closeConnection: hasBody(headers), unsent });

  const read = (exchange: Exchange, headers: RequestHeaders): void => {
    const { letIn } = exchange;
    const isOut = "kind" in letIn && letIn.kind === "refused";
    const early = isOut ? letIn.answer : refuseMedia(exchange.route, headers);
    // Nothing of its body is read.
    if (early !== undefined) {
      finish(exchange, early, hasBody(headers));
      return;
    }
    if (letIn instanceof Promise) void letIn.then((verdict) => conclude(exchange, verdict));
    if (exchange.isWhole) {
      void run(exchange, EMPTY);
      return;
    }
    const length = headers["content-length"];
    const isChunked = length === "" && headers["transfer-encoding"] !== "";
    collect(exchange, { announced: Number(length), isChunked, withinMs, run, finish });
  };

  const handle = (res: Response, req: Request): void => {
    const method = req.getCaseSensitiveMethod();
    const head = method === "HEAD";
    // Before it is answered: to the library a HEAD never is, and it ends the process where nobody would hear of its end.
    if (head) res.onAborted(ignore);
    const path = req.getUrl();
    const headers = readHeaders(req);
    const cors = corsHeaders(origins, headers.origin);
    const refusal = refuse(headers, method, origins);
    if (refusal !== undefined) {
      writeAnswer(res, refusal, { more: cors, head, closeConnection: true, unsent });
      return;
    }
    const routed = route(method, path);
    if (routed.kind !== "found") {
      const answer =
        method === "OPTIONS" && routed.kind === "no-method"
          ? preflight(origins, headers.origin, routed.allow)
          : noRoute(routed, method, path);
      writeAnswer(res, answer, { more: cors, head, closeConnection: hasBody(headers), unsent });
      return;
    }
    const { access } = routed.route;
    const isBounded = path.startsWith("/v1/");
    if (isBounded && doors.isFull(access)) {
      turnAway(res, headers, cors, head);
      return;
    }
    const { authorization } = headers;
    const letIn = routed.route.judge?.(authorization) ?? guard.judge(access, authorization, () => addressOf(res));
    const admission = isBounded ? doors.doorOf(access, letIn) : undefined;
    if (admission?.enter() === false) {
      turnAway(res, headers, cors, head);
      return;
    }
    const exchange: Exchange = {
      res,
      incoming: incomingOf(headers, { method, path, parameter: routed.parameter, query: req.getQuery() }),
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
    read(exchange, headers);
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
/** Of all requests without one: nobody writes to it. */
const NO_QUERY = new URLSearchParams();
const ignore = (): void => undefined;

function incomingOf(
  headers: RequestHeaders,
  { method, path, parameter, query }: Pick<Incoming, "method" | "path" | "parameter"> & { readonly query: string },
): Exchange["incoming"] {
  return {
    method,
    path,
    parameter,
    query: query === "" ? NO_QUERY : new URLSearchParams(query),
    contentType: headers["content-type"],
    accept: headers.accept,
    idempotencyKey: headers["idempotency-key"],
    ifNoneMatch: headers["if-none-match"],
    traceparent: validTraceparent(headers.traceparent),
  };
}

/** They change nothing, and what they answer a page of another origin cannot read; OPTIONS asks for permission first. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

function refuse(headers: RequestHeaders, method: string, origins: OriginPolicy): Answer | undefined {
  const { host, origin } = headers;
  if (!isOwnHost(origins, host))
    return problemAnswer("wrong-host", `host ${quoted(host)}: use localhost, or list the origin as allowed`);
  if (headers.hasTwoLengths)
    return problemAnswer("invalid-parameter", "two headers content-length that differ: send one");
  if (SAFE.has(method) || isAllowedOrigin(origins, origin, host)) return undefined;
  return problemAnswer("forbidden-origin", `origin ${quoted(origin)} is neither this host nor on the allow-list`);
}

function refuseMedia(route: Route, headers: RequestHeaders): Answer | undefined {
  if (route.consumes.length === 0) return undefined;
  const mediaType = mediaTypeOf(headers["content-type"]);
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

function hasBody(headers: RequestHeaders): boolean {
  return headers["content-length"] !== "" || headers["transfer-encoding"] !== "";
}
