// Actions, treatments and triggers that no customer can ever meet.
import type { PlacementIndex } from "../domain/ids.ts";
import { type Lint, type LintInput, lintAt } from "./lint.ts";
import type { Constants } from "./lint-constants.ts";
import type { Action, Rulebook, Treatment } from "./rulebook.ts";

export function lintReach({ rulebook, now }: LintInput, { isNever }: Constants): readonly Lint[] {
  const asking = askingPlacements(rulebook);
  const reach: Reach = { rulebook, now, isNever, asking };
  return [
    ...rulebook.actions.flatMap((action) => actionLints(action, reach)),
    ...placementLints(rulebook, asking),
    ...askLints(rulebook, now),
    ...armLints(rulebook),
  ];
}

interface Reach {
  readonly rulebook: Rulebook;
  readonly now: number;
  readonly isNever: Constants["isNever"];
  /** Placements that somebody can ask for. */
  readonly asking: ReadonlySet<PlacementIndex>;
}

/** An inbound placement is asked from outside; an outbound one by triggers and campaigns only. */
function askingPlacements({ placements, triggers, campaigns }: Rulebook): ReadonlySet<PlacementIndex> {
  const inbound = placements.filter(({ direction }) => direction === "inbound").map(({ index }) => index);
  // A trigger of kind `rejection` asks again where something was offered before: it begins nothing.
  const triggered = triggers.filter(({ kind }) => kind !== "rejection").map(({ placement }) => placement);
  return new Set([...inbound, ...triggered, ...campaigns.map(({ placement }) => placement)]);
}

function actionLints(action: Action, reach: Reach): readonly Lint[] {
  const because = whyNot(action, reach);
  const treatments = action.treatments.map((index) => reach.rulebook.treatments[index] as Treatment);
  const lost = treatments.map((treatment) => ({ treatment, because: treatmentWhyNot(treatment, action, reach) }));
  const lint = (place: Treatment | Action, what: string, why: Unreachable) =>
    lintAt(
      place.place,
      `unreachable-${what}`,
      why.severity,
      `${what} ${JSON.stringify(place.id)} is offered to nobody: ${why.text}`,
    );
  if (because !== undefined) return [lint(action, "action", because)];
  const found = lost.flatMap(({ treatment, because: why }) =>
    why === undefined ? [] : [lint(treatment, "treatment", why)],
  );
  if (found.length < treatments.length) return found;
  const severity = lost.some(({ because: why }) => why?.severity === "warning") ? "warning" : "note";
  return [...found, lint(action, "action", { severity, text: "none of its treatments is" })];
}

interface Unreachable {
  readonly severity: Lint["severity"];
  readonly text: string;
}

function whyNot(action: Action, { rulebook, now, isNever }: Reach): Unreachable | undefined {
  if (!action.enabled) return { severity: "note", text: "enabled is false" };
  if (action.to <= now) return { severity: "note", text: `it ended on ${dayOf(action.to)}` };
  if (action.propensityFloor >= 1)
    return { severity: "warning", text: "its floor is 1, and no propensity is that high" };
  const rule = [...action.eligibility, ...action.applicability, ...action.suitability].find(isNever);
  if (rule === undefined) return undefined;
  const { id, text } = rulebook.rules[rule] as Rulebook["rules"][number];
  return { severity: "warning", text: `rule ${JSON.stringify(id)} (${text}) is never true` };
}

function treatmentWhyNot(treatment: Treatment, action: Action, reach: Reach): Unreachable | undefined {
  const { rulebook, now, isNever, asking } = reach;
  if (!treatment.enabled) return { severity: "note", text: "enabled is false" };
  if (treatment.to <= now) return { severity: "note", text: `it ended on ${dayOf(treatment.to)}` };
  if (Math.max(treatment.from, action.from) >= Math.min(treatment.to, action.to)) {
    return { severity: "warning", text: "its period and that of its action have nothing in common" };
  }
  const rule = [...treatment.eligibility, ...treatment.applicability, ...treatment.suitability].find(isNever);
  if (rule !== undefined) {
    const { id, text } = rulebook.rules[rule] as Rulebook["rules"][number];
    return { severity: "warning", text: `rule ${JSON.stringify(id)} (${text}) is never true` };
  }
  if (treatment.placements.some((placement) => asking.has(placement))) return undefined;
  const names = treatment.placements.map((placement) => JSON.stringify(rulebook.placements[placement]?.name));
  return { severity: "warning", text: `no trigger and no campaign asks for ${names.join(" or ")}` };
}

function dayOf(instant: number): string {
  return new Date(instant).toISOString().slice(0, 10);
}

/** Of outbound placements: with treatments and nobody to ask for them. Those without treatments are told as unused. */
function placementLints(rulebook: Rulebook, asking: ReadonlySet<PlacementIndex>): readonly Lint[] {
  return rulebook.placements.flatMap(({ index, name, place }): Lint[] => {
    const first = rulebook.treatments.find((treatment) => treatment.placements.includes(index));
    if (asking.has(index) || first === undefined) return [];
    const message = `placement ${JSON.stringify(name)} is outbound, and no trigger and no campaign asks for it: add one to triggers.yaml`;
    return [lintAt(place, "unasked-placement", "warning", message)];
  });
}

function askLints(rulebook: Rulebook, now: number): readonly Lint[] {
  const hasTreatment = (placement: PlacementIndex) =>
    rulebook.treatments.some((treatment) => treatment.placements.includes(placement));
  const asks = [
    ...rulebook.triggers.map((trigger) => ({ noun: "trigger", to: Number.POSITIVE_INFINITY, ...trigger })),
    ...rulebook.campaigns.map((campaign) => ({ noun: "campaign", ...campaign })),
  ];
  return asks.flatMap(({ noun, id, place, placement, to }): Lint[] => {
    const name = `${noun} ${JSON.stringify(id)}`;
    if (!hasTreatment(placement)) {
      const message = `${name} asks for ${JSON.stringify(rulebook.placements[placement]?.name)}, for which there is no treatment`;
      return [lintAt(place, "asks-for-nothing", "warning", message)];
    }
    return to <= now ? [lintAt(place, "over", "note", `${name} ended on ${dayOf(to)}: take it out`)] : [];
  });
}

function armLints({ experiments, actions, treatments }: Rulebook): readonly Lint[] {
  return experiments.flatMap(({ id: experiment, place, arms }) =>
    arms.flatMap(({ id, treatmentsOff }): Lint[] => {
      if (treatmentsOff.size === treatments.length) {
        const message = `arm ${JSON.stringify(id)} of experiment ${JSON.stringify(experiment)} switches every treatment off`;
        return [lintAt(place, "arm-offers-nothing", "warning", message)];
      }
      return actions
        .filter((action) => action.treatments.every((treatment) => treatmentsOff.has(treatment)))
        .map((action) => {
          const message = `arm ${JSON.stringify(id)} of experiment ${JSON.stringify(experiment)} switches every treatment of action ${JSON.stringify(action.id)} off`;
          return lintAt(place, "arm-drops-action", "note", message);
        });
    }),
  );
}
