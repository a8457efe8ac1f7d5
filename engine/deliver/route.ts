// One operation of the HTTP API: how it is called, how it is documented, and the function that answers it.
import type { TSchema } from "typebox";
import type { Answer } from "./answer.ts";
import type { Caller } from "./auth/caller.ts";
import type { LetIn } from "./auth/guard.ts";
import type { Access } from "./auth/scopes.ts";
import type { ProblemKind } from "./problem.ts";
import type { Method } from "./router.ts";

/** A request, copied from the socket at once: everything that a route may read. */
export interface Incoming {
  readonly method: string;
  readonly path: string;
  /** Decoded segment of a path with a parameter; empty otherwise. */
  readonly parameter: string;
  readonly query: URLSearchParams;
  readonly contentType: string;
  readonly accept: string;
  readonly idempotencyKey: string;
  readonly ifNoneMatch: string;
  /** W3C Trace Context; undefined where absent or malformed, as the standard asks. */
  readonly traceparent: string | undefined;
  readonly body: Uint8Array;
  readonly caller: Caller;
  /** When the whole of it was here, on the clock of performance.now(): deadlines run from it. */
  readonly receivedMs: number;
}

export interface Deadline {
  /** On the clock of performance.now(). */
  readonly atMs: number;
  /** What is answered where there is nothing better in time. */
  readonly late: () => Answer;
}

export interface Route {
  readonly method: Method;
  readonly path: string;
  readonly operation: string;
  readonly summary: string;
  /** Who is let in. Where `agent` is, the answer asks `reaches` for the customer, too. */
  readonly access: Access;
  /** Judges in the place of the guard who is let in, by the header Authorization. Never rejects. */
  readonly judge?: (authorization: string) => LetIn | Promise<LetIn>;
  /** Largest body in bytes; 0 where none is read. */
  readonly bodyMax: number;
  /** Media types that the body may have; the first is the one to recommend. */
  readonly consumes: readonly string[];
  readonly request?: TSchema;
  readonly query?: Readonly<Record<string, { readonly schema: TSchema; readonly description: string }>>;
  readonly answers: Readonly<
    Record<number, { readonly description: string; readonly schema?: TSchema; readonly mediaType?: string }>
  >;
  readonly problems: readonly ProblemKind[];
  /** Of a POST that changes nothing: an Idempotency-Key would keep a trace of it, and is not read. */
  readonly leavesNoTrace?: true;
  /** Of a route with a deadline; undefined where the request itself gives none, as a malformed one. */
  readonly deadline?: (incoming: Incoming) => Deadline | undefined;
  readonly answer: (incoming: Incoming) => Answer | Promise<Answer>;
}

export const JSON_BODY = ["application/json"] as const;
export const DECISION_BODY_MAX = 64 * 1024;
export const BATCH_BODY_MAX = 1024 * 1024;

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

export function validTraceparent(header: string): string | undefined {
  return TRACEPARENT.test(header) ? header : undefined;
}

/** `application/json; charset=utf-8` -> `application/json`. */
export function mediaTypeOf(contentType: string): string {
  const cut = contentType.indexOf(";");
  return (cut < 0 ? contentType : contentType.slice(0, cut)).trim().toLowerCase();
}
