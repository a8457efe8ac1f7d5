// What is declared and read by nothing.
import { type Lint, type LintInput, lintAt } from "./lint.ts";
import type { Place } from "./place.ts";
import type { Action, Rulebook, Template, Treatment } from "./rulebook.ts";

/** The engine itself reads it: texts of a decision that nobody asked for are in this language. */
const READ_BY_ENGINE = "attributes.locale";

export function lintUnused({ rulebook, reads, modelFeatures }: LintInput): readonly Lint[] {
  const read = allReads(rulebook, reads, modelFeatures);
  return [
    ...rulebook.segments
      .filter(({ id }) => !read.has(`segments.${id}`))
      .map(({ id, place }) => unused("segment", id, place, "warning", "no rule reads it")),
    ...rulebook.attributes
      .filter(({ name }) => !read.has(`attributes.${name}`))
      .map(({ name, place }) => unused("attribute", name, place, "note", "no rule and no text reads it")),
    ...rulebook.features
      .filter(({ name }) => !read.has(`features.${name}`))
      .map(({ name, place }) => unused("feature", name, place, "note", "no rule, no text and no model reads it")),
    ...namedLints(rulebook),
  ];
}

function unused(noun: string, name: string, place: Place, severity: Lint["severity"], why: string): Lint {
  return lintAt(place, `unused-${noun}`, severity, `${noun} ${JSON.stringify(name)} is not used: ${why}`);
}

function allReads(
  rulebook: Rulebook,
  reads: ReadonlySet<string>,
  modelFeatures: readonly string[],
): ReadonlySet<string> {
  const all = new Set([...reads, ...modelFeatures.map((name) => `features.${name}`), READ_BY_ENGINE]);
  for (const action of rulebook.actions) for (const read of readsOfAction(action)) all.add(read);
  for (const treatment of rulebook.treatments) for (const read of readsOfContent(treatment)) all.add(read);
  const { zoneAttribute, countryAttribute } = rulebook.zones;
  for (const index of [zoneAttribute, countryAttribute]) {
    if (index !== undefined) all.add(`attributes.${rulebook.attributes[index]?.name}`);
  }
  for (const { name, ratio } of rulebook.features) {
    if (ratio === undefined || !all.has(`features.${name}`)) continue;
    for (const part of [ratio.numerator, ratio.denominator]) all.add(`features.${rulebook.features[part]?.name}`);
  }
  return all;
}

function readsOf(template: Template): readonly string[] {
  return template.flatMap((part) => (typeof part === "string" ? [] : [part.read]));
}

function readsOfAction({ reasons }: Action): readonly string[] {
  return reasons.flatMap(({ text }) => Object.values(text).flatMap(readsOf));
}

function readsOfContent({ content }: Treatment): readonly string[] {
  return Object.values(content)
    .flatMap((byLocale) => Object.values(byLocale))
    .flatMap((value) => (isList(value) ? value.flatMap(readsOf) : readsOf(value)));
}

/** A list of templates, rather than the parts of one. */
function isList(value: Template | readonly Template[]): value is readonly Template[] {
  return Array.isArray(value[0]);
}

function namedLints({ channels, placements, treatments }: Rulebook): readonly Lint[] {
  return [
    ...placements
      .filter(({ index }) => !treatments.some((treatment) => treatment.placements.includes(index)))
      .map(({ name, place }) => unused("placement", name, place, "warning", "no treatment is for it")),
    ...channels
      .filter(({ index }) => !treatments.some((treatment) => treatment.channel === index))
      .map(({ name, place }) => unused("channel", name, place, "warning", "no treatment is for it")),
  ];
}
