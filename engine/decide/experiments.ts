// Who is in which arm of which experiment. A hash of the customer's key decides, so an arm sticks without being remembered:
//
//   layer, key  -> bucket 0..99      one experiment of the layer owns the bucket, or none does
//   salt, key   -> [0, 1)            the first arm whose cumulative share lies above it
//
// Layers, salts of experiments and the holdout are hashed apart, so none of them leans on another.
import type { AssignedArm } from "../domain/decision.ts";
import { drawOf } from "../domain/hash.ts";
import type { ActionIndex, CustomerKey, TreatmentIndex } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Arm, Experiment } from "../rulebook/experiments.ts";
import { RULE_TRUE, type Rule, type Rulebook } from "../rulebook/rulebook.ts";

const BUCKETS = 100;

export interface Assignment {
  readonly experiment: Experiment;
  readonly arm: Arm;
}

const NOTHING: readonly Assignment[] = [];

/** Uniform in [0, 1), the same for ever for one kind, salt and key. */
export function bucketOf(kind: "layer" | "arm" | "holdout", salt: string, key: CustomerKey): number {
  return drawOf(`${kind}\n${salt}\n${key}`);
}

/** The arms of one customer, in the order of the experiments. `verdicts` by VerdictSlot, of the rules that read no model. */
export function armsOf(
  { experiments, rules }: Rulebook,
  key: CustomerKey,
  now: Instant,
  verdicts: Uint8Array,
): readonly Assignment[] {
  if (experiments.length === 0) return NOTHING;
  const found: Assignment[] = [];
  for (const experiment of experiments) {
    const { when } = experiment;
    if (when !== undefined && verdicts[(rules[when] as Rule).slot] !== RULE_TRUE) continue;
    const arm = armIn(experiment, key, now);
    if (arm !== undefined) found.push({ experiment, arm });
  }
  return found;
}

/** Name of the rulebook under rules/variants/ that decides for this customer; undefined: the base. */
export function variantOf({ experiments }: Rulebook, key: CustomerKey, now: Instant): string | undefined {
  for (const experiment of experiments) {
    if (experiment.when !== undefined || experiment.arms.every(({ variant }) => variant === undefined)) continue;
    const variant = armIn(experiment, key, now)?.variant;
    if (variant !== undefined) return variant;
  }
  return undefined;
}

/** The rulebook that decides for this customer: the base, or the variant of the arm. */
export function rulebookFor(base: Rulebook, key: CustomerKey, now: Instant): Rulebook {
  const variant = variantOf(base, key, now);
  return (variant === undefined ? undefined : base.variants.get(variant)) ?? base;
}

/** What the arms make of an action's lever: the product, 1 where none names it. */
export function armsLever(arms: readonly Assignment[], action: ActionIndex): number {
  let product = 1;
  for (const { arm } of arms) product *= arm.levers.get(action) ?? 1;
  return product;
}

export function isOffByArm(arms: readonly Assignment[], treatment: TreatmentIndex): boolean {
  for (const { arm } of arms) if (arm.treatmentsOff.has(treatment)) return true;
  return false;
}

export function namesOfArms(arms: readonly Assignment[]): readonly AssignedArm[] {
  return arms.map(({ experiment, arm }) => ({ experiment: experiment.id, arm: arm.id }));
}

function armIn(experiment: Experiment, key: CustomerKey, now: Instant): Arm | undefined {
  const { layer, firstBucket, lastBucket, from, to, salt, arms } = experiment;
  if (now < from || now >= to) return undefined;
  const bucket = Math.floor(BUCKETS * bucketOf("layer", layer, key));
  if (bucket < firstBucket || bucket > lastBucket) return undefined;
  const draw = bucketOf("arm", salt, key);
  return arms.find(({ upTo }) => draw < upTo);
}
