// What a caller is told whose request came to grief on the way to its answer.
import { isTrouble, Unavailable } from "../partition/trouble.ts";
import type { Answer } from "./answer.ts";
import type { Log } from "./ports.ts";
import { problemAnswer, retryLater } from "./problem.ts";

/** A route that throws holds no state that could be left half-changed: the engine's is behind its port. */
export function requestFailure(error: unknown, operation: string, log: Log): Answer {
  // By intent, and many at once: not worth a line of the log each. Why a session ended is said once, by the loop.
  if (error instanceof Error && error.name === "Overloaded") return retryLater("overloaded", error.message, 1_000);
  if (error instanceof Unavailable) return NOT_READY;
  if (isTrouble(error)) {
    log.warn("request failed: the engine cannot answer now", { operation, why: error.message });
    return NOT_READY;
  }
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log.error("request failed", { operation, why });
  return problemAnswer("internal", "an unexpected error; the engine's log says more");
}

const NOT_READY = retryLater("unavailable", "the engine or its Redis is not ready; try again", 1_000);
