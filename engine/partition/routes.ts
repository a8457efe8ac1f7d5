import type { Engine } from "../engine.ts";
import type { LoopState } from "./decision-loop.ts";

/** What may concern a customer of another partition, which another engine may own. */
export type Routes = Pick<Engine, "ask" | "look" | "simulate">;

/** By the local engine alone, or by one that also asks others: see peer/routed-engine.ts. */
export function routesOf({ routes }: Pick<LoopState, "routes">): Routes {
  if (routes === undefined) throw new Error("the loop was used before it was made");
  return routes;
}
