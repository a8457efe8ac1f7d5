// Idempotency-Key: the same key gets the same answer for a day (NBA_IDEMPOTENCY); another body is refused, a request still running is told so.
import { createHash } from "node:crypto";
import type { Answer } from "./answer.ts";
import { digest } from "./append-events.ts";
import { ANYONE, reachesAll } from "./auth/caller.ts";
import type { Access } from "./auth/scopes.ts";
import { problemAnswer, retryLater } from "./problem.ts";
import type { Deadline, Incoming, Route } from "./route.ts";

export type Begun =
  /** Nobody used the key: run, then `finish` or `forget`. */
  | { readonly kind: "fresh" }
  | { readonly kind: "answered"; readonly answer: Answer }
  | { readonly kind: "running" }
  | { readonly kind: "other-body" }
  | { readonly kind: "unavailable"; readonly why: string; readonly retryAfterMs?: number };

export interface IdempotencyStore {
  /** `scope` is method and path: a key means nothing beyond its operation and its caller, whom `key` names. Never rejects. */
  readonly begin: (scope: string, key: string, bodyHash: string) => Promise<Begun>;
  /** Keeps the answer, for 24 h where NBA_IDEMPOTENCY says nothing else. Never rejects: what cannot be kept is told to the log. */
  readonly finish: (scope: string, key: string, bodyHash: string, answer: Answer) => Promise<void>;
  /** The request came to nothing (503, 500): the next one with this key runs. */
  readonly forget: (scope: string, key: string) => Promise<void>;
}

export const IDEMPOTENCY_KEY_MAX = 255;
const PRINTABLE = /^[\x21-\x7e]+$/;

const LATE = "late";

/** What a request holds in the store while it runs. */
interface Claim {
  readonly scope: string;
  readonly key: string;
  readonly bodyHash: string;
}

/** Wraps the answer of a POST route. Requests without the header are passed through. */
export function withIdempotency(route: Route, store: IdempotencyStore): Route {
  if (route.method !== "POST" || route.leavesNoTrace === true) return route;
  const scope = `${route.method} ${route.path}`;
  return {
    ...route,
    answer: async (incoming: Incoming): Promise<Answer> => {
      const { idempotencyKey } = incoming;
      if (idempotencyKey === "") return route.answer(incoming);
      if (idempotencyKey.length > IDEMPOTENCY_KEY_MAX || !PRINTABLE.test(idempotencyKey))
        return problemAnswer(
          "invalid-parameter",
          `the Idempotency-Key must be 1 to ${IDEMPOTENCY_KEY_MAX} printable ASCII characters without spaces`,
        );
      const bodyHash = hashBody(incoming.body);
      const key = keptUnder(incoming, route.access);
      const deadline = route.deadline?.(incoming);
      const beginning = store.begin(scope, key, bodyHash);
      const begun = deadline === undefined ? await beginning : await inTime(beginning, deadline);
      if (begun === LATE) return answerLate(beginning, (deadline as Deadline).late(), store, { scope, key, bodyHash });
      if (begun.kind !== "fresh") return repeated(begun);
      return runOnce(route, incoming, store, { scope, key, bodyHash }, deadline);
    },
  };
}

/** An Idempotency-Key is its caller's own; the key alone while nobody is asked who they are. */
export function callersKey({ caller, idempotencyKey }: Pick<Incoming, "caller" | "idempotencyKey">): string {
  return caller === ANYONE ? idempotencyKey : `${caller.id}\n${idempotencyKey}`;
}

/**
 * What an answer is kept under: where it depends on the topics of the caller, on these as well. Whoever comes back with others
 * is judged anew, and gets neither what it does not reach any more nor a refusal that does not hold any more.
 */
function keptUnder(incoming: Incoming, access: Access): string {
  const key = callersKey(incoming);
  if (reachesAll(incoming.caller, access)) return key;
  return `${key}\n${digest(JSON.stringify([...incoming.caller.topics].sort()))}`;
}

export function hashBody(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}

async function runOnce(
  route: Route,
  incoming: Incoming,
  store: IdempotencyStore,
  { scope, key, bodyHash }: Claim,
  deadline: Deadline | undefined,
): Promise<Answer> {
  let answer: Answer;
  try {
    answer = await route.answer(incoming);
  } catch (error) {
    await store.forget(scope, key);
    throw error;
  }
  const keeping = answer.status >= 500 ? store.forget(scope, key) : store.finish(scope, key, bodyHash, answer);
  // In time first, kept second: a repeat in between is told that the key is busy.
  await (deadline === undefined ? keeping : inTime(keeping, deadline));
  return answer;
}

/** Nothing is decided any more for somebody who was answered; the repeat gets what the first got, once the store speaks. */
function answerLate(
  beginning: Promise<Begun>,
  answer: Answer,
  store: IdempotencyStore,
  { scope, key, bodyHash }: Claim,
): Answer {
  void beginning.then((begun) => (begun.kind === "fresh" ? store.finish(scope, key, bodyHash, answer) : undefined));
  return answer;
}

async function inTime<T>(promise: Promise<T>, { atMs }: Deadline): Promise<T | typeof LATE> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), Math.max(0, atMs - performance.now()));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function repeated(begun: Exclude<Begun, { kind: "fresh" }>): Answer {
  switch (begun.kind) {
    case "answered":
      return { ...begun.answer, headers: { ...begun.answer.headers, "idempotency-replayed": "true" } };
    case "running":
      return problemAnswer("idempotency-key-busy", "wait for its answer, then send it again", [], {
        "retry-after": "1",
      });
    case "other-body":
      return problemAnswer("idempotency-key-reused", "use a new key for a new request, or the same body as before");
    case "unavailable":
      return retryLater("unavailable", begun.why, begun.retryAfterMs ?? 1_000);
  }
}
