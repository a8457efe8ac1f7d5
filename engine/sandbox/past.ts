// What happened, in order: what a what-if plays again under another rulebook.
import type { CustomerEvent } from "../domain/event.ts";
import type { DecisionId, NameHash, TrackingCode } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Ask } from "../engine.ts";

export type PastItem =
  /** `at`: when it arrived. */
  | { readonly kind: "event"; readonly at: Instant; readonly event: CustomerEvent }
  /** `id`: of the decision that it brought; undefined: it is asked only in the what-if. */
  | {
      readonly kind: "ask";
      readonly at: Instant;
      readonly id: DecisionId | undefined;
      readonly ask: Omit<Ask, "deadlineMs">;
    };

export interface Past {
  readonly partitions: number;
  /** By time. */
  readonly items: readonly PastItem[];
  /** What each tracking code stood for: an outcome says nothing of another treatment that a what-if puts in its place. */
  readonly treatments: ReadonlyMap<TrackingCode, NameHash>;
  /** What is missing, in words: for example that a log was trimmed. */
  readonly notes: readonly string[];
}

/** Stable: of one time, as given. */
export function inOrder(items: readonly PastItem[]): readonly PastItem[] {
  return items.toSorted((a, b) => a.at - b.at);
}
