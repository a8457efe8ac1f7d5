// One request under way, from its headers to its answer.
import type { Admission } from "./admission.ts";
import type { LetIn } from "./auth/guard.ts";
import type { Incoming, Route } from "./route.ts";
import type { Response } from "./uws.ts";

export interface Exchange {
  readonly res: Response;
  readonly incoming: Omit<Incoming, "body" | "receivedMs" | "caller">;
  readonly letIn: LetIn | Promise<LetIn>;
  /** Of cross-origin requests. */
  readonly cors: Readonly<Record<string, string>>;
  readonly route: Route;
  readonly head: boolean;
  readonly startedMs: number;
  /** Where it is counted now; undefined: nowhere. */
  admission: Admission | undefined;
  bodyBytes: number;
  /** All of the body is here, or none is read. */
  isWhole: boolean;
  /** Runs while a body does not come at one go. */
  timer: NodeJS.Timeout | undefined;
  aborted: boolean;
  /** Answered, or given up: whatever still comes of it is let go. */
  isEnded: boolean;
}
