import type { Committed } from "../engine.ts";
import type { LoopState } from "./decision-loop.ts";

/** Tells the listeners what is durable now, each commit once; remembers how far they know. */
export function publish(state: Pick<LoopState, "published" | "listeners">, committed: Committed): void {
  const told = state.published.get(committed.partition);
  if (told !== undefined && committed.seq <= told) return;
  state.published.set(committed.partition, committed.seq);
  for (const listener of state.listeners) listener(committed);
}
