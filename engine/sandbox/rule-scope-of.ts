import type { DecisionRecord } from "../domain/decision.ts";
import { isAnonymous } from "../domain/ids.ts";
import type { Rulebook, RuleScope } from "../rulebook/rulebook.ts";

/**
 * What the rules of `rulebook` would have read at a decision that `decided` made: features, attributes and models by name.
 * What the other did not have is missing.
 */
export function ruleScopeOf(rulebook: Rulebook, decided: Rulebook, record: DecisionRecord): RuleScope {
  const { profile, request } = record.input;
  const models = new Map(record.models.map(({ name, value }) => [name, value]));
  const base = {
    context: request.context,
    models: Float64Array.from(rulebook.models, ({ name }) => models.get(name) ?? Number.NaN),
    openCases: profile.openCases.length,
    anonymous: isAnonymous(profile.key),
  };
  if (rulebook === decided) return { ...base, features: profile.features, attributes: profile.attributes };
  const features = new Map(decided.features.map(({ name, index }) => [name, profile.features[index] as number]));
  const attributes = new Map(decided.attributes.map(({ name, index }) => [name, profile.attributes[index]]));
  return {
    ...base,
    features: Float64Array.from(rulebook.features, ({ name }) => features.get(name) ?? Number.NaN),
    attributes: rulebook.attributes.map(({ name }) => attributes.get(name)),
  };
}
