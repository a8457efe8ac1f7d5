// Slate limits that hold nothing back, and bundles that never come together.
import { type Lint, type LintInput, lintAt } from "./lint.ts";
import type { Bundle } from "./policies.ts";
import type { Action, Placement, Rulebook } from "./rulebook.ts";

export function lintSlates({ rulebook }: LintInput): readonly Lint[] {
  const limits = rulebook.slateLimits
    .filter(({ max, actions }) => actions.size <= max)
    .map(({ id, place, max, actions }) => {
      const message = `slate limit ${JSON.stringify(id)} allows ${max} of ${actions.size}: it never bites`;
      return lintAt(place, "moot-limit", "warning", message);
    });
  const bundles = rulebook.bundles.flatMap((bundle): Lint[] => {
    const because = whyNeverWhole(bundle, rulebook);
    if (because === undefined) return [];
    const message = `bundle ${JSON.stringify(bundle.id)} is never whole: ${because}`;
    return [lintAt(bundle.place, "bundle-never-whole", "warning", message)];
  });
  return [...limits, ...bundles];
}

function whyNeverWhole({ actions: members }: Bundle, rulebook: Rulebook): string | undefined {
  const actions = members.map((index) => rulebook.actions[index] as Action);
  const shows = (placement: Placement, action: Action) =>
    action.treatments.some((index) => rulebook.treatments[index]?.placements.includes(placement.index));
  const common = rulebook.placements.filter((placement) => actions.every((action) => shows(placement, action)));
  if (common.length === 0) return "its actions have no placement in common";
  if (common.every(({ slots }) => slots < members.length)) {
    const names = common.map(({ name, slots }) => `${JSON.stringify(name)} has ${slots} slots`).join(", ");
    return `it needs ${members.length} slots, and ${names}`;
  }
  const limit = rulebook.slateLimits.find(
    ({ actions: limited, max }) => members.filter((member) => limited.has(member)).length > max,
  );
  return limit === undefined
    ? undefined
    : `slate limit ${JSON.stringify(limit.id)} lets no more than ${limit.max} of it in`;
}
