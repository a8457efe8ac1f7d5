// RFC 9457 problem details: the one shape of every error answer.
import type { Answer } from "./answer.ts";

/** Every kind of problem. `type` is `/problems/<kind>`, stable; status and title belong to the kind. */
export const PROBLEMS = {
  "malformed-json": { status: 400, title: "The body is not JSON that can be taken" },
  "invalid-parameter": { status: 400, title: "A parameter of the request is not valid" },
  "not-a-peer": { status: 403, title: "Only an engine of the same Redis may ask this" },
  unauthenticated: { status: 401, title: "Who calls is not known" },
  forbidden: { status: 403, title: "This is not for this caller" },
  "forbidden-origin": { status: 403, title: "The origin of the request is not allowed" },
  "not-found": { status: 404, title: "There is nothing of this name" },
  "method-not-allowed": { status: 405, title: "The path does not take this method" },
  "too-slow": { status: 408, title: "The body did not come in time" },
  "idempotency-key-busy": { status: 409, title: "A request with this Idempotency-Key is still running" },
  "too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The content type is not taken here" },
  "wrong-host": { status: 421, title: "This engine does not answer for this host" },
  "invalid-body": { status: 422, title: "The body does not have the right form" },
  "idempotency-key-reused": { status: 422, title: "The Idempotency-Key was used with another body" },
  "faulty-rulebook": { status: 422, title: "The rulebook has faults and was not activated" },
  "upgrade-required": { status: 426, title: "This path speaks WebSocket" },
  "rate-limited": { status: 429, title: "The caller sends too many requests" },
  internal: { status: 500, title: "The engine failed to answer" },
  overloaded: { status: 503, title: "The engine has too much to do" },
  unavailable: { status: 503, title: "The engine cannot answer now" },
} as const;
export type ProblemKind = keyof typeof PROBLEMS;

export interface ProblemError {
  /** JSON Pointer (RFC 6901) into the body; empty: the whole. */
  readonly pointer: string;
  readonly detail: string;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly ProblemError[];
}

export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

export function problem(kind: ProblemKind, detail: string, errors: readonly ProblemError[] = []): Problem {
  const { status, title } = PROBLEMS[kind];
  const head = { type: `/problems/${kind}`, title, status, detail };
  return errors.length === 0 ? head : { ...head, errors };
}

export function problemAnswer(
  kind: ProblemKind,
  detail: string,
  errors: readonly ProblemError[] = [],
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status: PROBLEMS[kind].status,
    headers: { "content-type": PROBLEM_TYPE, ...headers },
    body: JSON.stringify(problem(kind, detail, errors)),
  };
}

/** 503 with Retry-After in whole seconds, at least 1. */
export function retryLater(kind: "overloaded" | "unavailable", detail: string, retryAfterMs: number): Answer {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  return problemAnswer(kind, detail, [], { "retry-after": String(seconds) });
}

/** Text of a user, shortened and quoted for a message. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
