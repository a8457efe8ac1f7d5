// rules/experiments.yaml: the holdout, and layered experiments with their arms.
import type { ActionIndex } from "../domain/ids.ts";
import type { Arm, Experiment, Holdout } from "./experiments.ts";
import type { ExpressionTable } from "./expressions.ts";
import type { FaultLog } from "./fault.ts";
import { addFreeRule } from "./free-rule.ts";
import { createIdSet, createNameTable, type NameTable } from "./names.ts";
import type { Action, Treatment } from "./rulebook.ts";
import type { ExperimentsFile, WrittenArm, WrittenExperiment } from "./schema-timing.ts";
import type { Path, Source } from "./source.ts";
import { suggest } from "./suggest.ts";
import { readPeriod } from "./written-times.ts";

export interface ExperimentContext {
  readonly actions: readonly Action[];
  readonly treatments: readonly Treatment[];
  /** Tables of issues, groups, actions and treatments. */
  readonly names: Readonly<Record<"issue" | "group" | "action" | "treatment", NameTable>>;
  readonly expressions: ExpressionTable;
  readonly source: Source;
  readonly faults: FaultLog;
  /**
   * Folders under variants/. Undefined in a variant itself, which has none, and where names that only other variants know
   * change nothing.
   */
  readonly variants: readonly string[] | undefined;
}

const LAST_BUCKET = 99;

export function compileExperiments(
  { holdout, experiments = [] }: ExperimentsFile,
  context: ExperimentContext,
): { readonly holdout: Holdout | undefined; readonly experiments: readonly Experiment[] } {
  const ids = createNameTable("experiment", context.faults);
  const compiled = experiments.map((written, index): Experiment => {
    const path: Path = ["experiments", index];
    return { hash: ids.declare(written.id, context.source.placeOf([...path, "id"])), ...one(written, path, context) };
  });
  checkBuckets(compiled, context);
  checkVariants(compiled, context);
  return {
    holdout:
      holdout === undefined
        ? undefined
        : { share: holdout.share, salt: holdout.salt ?? "holdout", place: context.source.placeOf(["holdout"]) },
    experiments: compiled,
  };
}

function one(written: WrittenExperiment, path: Path, context: ExperimentContext): Omit<Experiment, "hash"> {
  const { source, faults, expressions } = context;
  const { id, layer, when, buckets: [first = 0, last = LAST_BUCKET] = [] } = written;
  if (first > last) {
    faults.add(source.placeOf([...path, "buckets"]), `buckets from ${first} to ${last}: write the lower one first`);
  }
  const hasVariant = written.arms.findIndex((arm) => arm.variant !== undefined);
  if (when !== undefined && hasVariant !== -1) {
    const message =
      '"when" cannot be told before it is known which rulebook decides: take it out, or put it in the rules of the variant';
    faults.add(source.placeOfKey(path, "when"), message);
  }
  return {
    id,
    place: source.placeOf(path),
    layer,
    salt: written.salt ?? id,
    firstBucket: first,
    lastBucket: last,
    ...readPeriod(written, path, source, faults),
    when:
      when === undefined
        ? undefined
        : addFreeRule(expressions, `experiment/${id}`, "an experiment", when, [...path, "when"], source, faults),
    arms: compileArms(written.arms, [...path, "arms"], context),
  };
}

function compileArms(written: readonly WrittenArm[], path: Path, context: ExperimentContext): readonly Arm[] {
  const declare = createIdSet("arm", context.faults);
  const whole = written.reduce((sum, { weight }) => sum + weight, 0);
  let sum = 0;
  return written.map((arm, index): Arm => {
    const at = [...path, index];
    declare(arm.id, context.source.placeOf([...at, "id"]));
    sum += arm.weight;
    return {
      id: arm.id,
      upTo: index === written.length - 1 ? 1 : sum / whole,
      levers: leversOf(arm, [...at, "levers"], context),
      treatmentsOff: new Set(treatmentsOff(arm, [...at, "treatmentsOff"], context)),
      variant: arm.variant,
    };
  });
}

/** An action that is named more than once, by itself, its group and its issue, gets the product. */
function leversOf({ levers = {} }: WrittenArm, path: Path, context: ExperimentContext): Arm["levers"] {
  const byAction = new Map<ActionIndex, number>();
  const kinds = [
    ["actions", "action", (action: Action) => action.id],
    ["groups", "group", (action: Action) => action.group.id],
    ["issues", "issue", (action: Action) => action.issue.id],
  ] as const;
  for (const [list, kind, idOf] of kinds) {
    for (const [name, lever] of Object.entries((levers[list] ?? {}) as Readonly<Record<string, number>>)) {
      refer(kind, name, context, () => context.source.placeOfKey([...path, list], name));
      for (const action of context.actions) {
        if (idOf(action) === name) byAction.set(action.index, (byAction.get(action.index) ?? 1) * lever);
      }
    }
  }
  return byAction;
}

function treatmentsOff({ treatmentsOff: ids = [] }: WrittenArm, path: Path, context: ExperimentContext) {
  return ids.flatMap((id, at) => {
    refer("treatment", id, context, () => context.source.placeOf([...path, at]));
    return context.treatments.filter((treatment) => treatment.id === id).map((treatment) => treatment.index);
  });
}

function refer(
  kind: keyof ExperimentContext["names"],
  name: string,
  { names, variants }: ExperimentContext,
  place: () => ReturnType<Source["placeOf"]>,
): void {
  const isElsewhere = variants === undefined && !names[kind].all().includes(name);
  if (!isElsewhere) names[kind].refer(name, place());
}

function checkBuckets(experiments: readonly Experiment[], { source, faults }: ExperimentContext): void {
  experiments.forEach((experiment, index) => {
    const shared = experiments
      .slice(0, index)
      .find(
        (earlier) =>
          earlier.layer === experiment.layer &&
          earlier.firstBucket <= experiment.lastBucket &&
          experiment.firstBucket <= earlier.lastBucket,
      );
    if (shared === undefined) return;
    const taken = `${shared.firstBucket} to ${shared.lastBucket}`;
    const message = `layer ${JSON.stringify(experiment.layer)}: experiment ${JSON.stringify(shared.id)} has the buckets ${taken}: choose others, or another layer`;
    faults.add(source.placeOf(["experiments", index, "buckets"]), message);
  });
}

function checkVariants(experiments: readonly Experiment[], { source, faults, variants }: ExperimentContext): void {
  if (variants === undefined) return;
  let layer: string | undefined;
  experiments.forEach((experiment, index) => {
    experiment.arms.forEach(({ variant }, arm) => {
      if (variant === undefined) return;
      const place = source.placeOf(["experiments", index, "arms", arm, "variant"]);
      if (!variants.includes(variant)) {
        const hint = suggest(variant, variants);
        const where = `unknown variant ${JSON.stringify(variant)}${hint}`;
        faults.add(place, variants.length === 0 ? `${where}: add the folder variants/${variant}` : where);
      }
      layer ??= experiment.layer;
      if (layer !== experiment.layer) {
        const message = `layer ${JSON.stringify(layer)} has variants already, and one rulebook decides: put both experiments in one layer`;
        faults.add(place, message);
      }
    });
  });
}
