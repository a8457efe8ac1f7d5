import type { Committed } from "../engine.ts";
import type { LoopState } from "./decision-loop.ts";

/** Tells the listeners what is durable now; remembers how far they know. */
export function publish(state: LoopState, committed: Committed): void {
  state.published.set(committed.partition, committed.seq);
  for (const listener of state.listeners) listener(committed);
}
