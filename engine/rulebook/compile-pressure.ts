// fatigue and boosts of rules/rulebook.yaml: what past contacts and outcomes do to a priority.
import { HOUR_MS } from "../domain/time.ts";
import type { TaxonomyNames } from "./action-set.ts";
import type { CompiledChannels } from "./compile-places.ts";
import type { FaultLog } from "./fault.ts";
import { createIdSet } from "./names.ts";
import type { Boost, Fatigue } from "./policies.ts";
import type { RulebookFile } from "./schema.ts";
import type { Path, Source } from "./source.ts";
import { boundedDuration } from "./written-times.ts";

const HALF_LIFE_MAX_MS = 365 * 24 * HOUR_MS;

export function compileFatigue(
  written: NonNullable<RulebookFile["fatigue"]>,
  { channels, names }: CompiledChannels,
  source: Source,
  faults: FaultLog,
): Fatigue {
  const weights = (written.weights ?? {}) as Readonly<Record<string, number>>;
  for (const name of Object.keys(weights)) names.refer(name, source.placeOfKey(["fatigue", "weights"], name));
  const { otherWeight = 1, answered = 0.5, otherChannels = 0.5 } = written;
  return {
    halfLifeMs: boundedDuration(written.halfLife, ["fatigue", "halfLife"], source, faults, HALF_LIFE_MAX_MS),
    weights: channels.map(({ name }) => (Object.hasOwn(weights, name) ? (weights[name] as number) : otherWeight)),
    otherWeight,
    answered,
    otherChannels,
    halvesAt: written.halvesAt,
  };
}

export function compileBoosts(
  list: NonNullable<RulebookFile["boosts"]>,
  names: TaxonomyNames,
  source: Source,
  faults: FaultLog,
): readonly Boost[] {
  const declare = createIdSet("boost", faults);
  return list.map(({ id, after, scope, only, weight, halfLife }, index): Boost => {
    const path: Path = ["boosts", index];
    declare(id, source.placeOf([...path, "id"]));
    return {
      id,
      place: source.placeOf(path),
      after,
      scope,
      only: only === undefined ? undefined : names[scope].refer(only, source.placeOf([...path, "only"])),
      weight,
      halfLifeMs: boundedDuration(halfLife, [...path, "halfLife"], source, faults, HALF_LIFE_MAX_MS),
    };
  });
}
