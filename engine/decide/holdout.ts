// The universal holdout: customers for whom everything is decided as for others, and from whom all of it is withheld that
// is not exempt. Their shadow contacts fill the same caps, so that both sides of the comparison meet the same rules.
import type { CustomerKey } from "../domain/ids.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { bucketOf } from "./experiments.ts";

export function inHoldout({ holdout }: Rulebook, key: CustomerKey): boolean {
  return holdout !== undefined && bucketOf("holdout", holdout.salt, key) < holdout.share;
}
