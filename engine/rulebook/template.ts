// Texts with placeholders: `Good morning, {{first_name}}` reads an attribute, `{{features.declines_24h}}` a feature.
import type { PropValue } from "../domain/event.ts";
import type { AttributeIndex, FeatureIndex, ModelIndex } from "../domain/ids.ts";
import type { DeclaredNames } from "./cel-names.ts";
import type { FaultLog } from "./fault.ts";
import type { Place } from "./place.ts";
import type { RuleScope, Template } from "./rulebook.ts";
import { suggest } from "./suggest.ts";

export interface CompiledTemplate {
  readonly template: Template;
  /** Models that a placeholder reads. */
  readonly models: readonly ModelIndex[];
}

const PLACEHOLDER = /\{\{([^{}]*)\}\}/g;
const READ = /^(?:([a-z]+)\.)?([A-Za-z_][A-Za-z0-9_]*)$/;

/** Splits a text. `placeAt` tells where one of its characters is written. */
export function compileTemplate(
  text: string,
  placeAt: (offset: number) => Place,
  names: DeclaredNames,
  faults: FaultLog,
): CompiledTemplate {
  const template: Template[number][] = [];
  const models: ModelIndex[] = [];
  let end = 0;
  const plain = (from: number, to: number) => {
    const part = text.slice(from, to);
    const brace = /\{\{|\}\}/.exec(part);
    if (brace !== null) {
      const shown = JSON.stringify(part.slice(brace.index, brace.index + 30));
      faults.add(
        placeAt(from + brace.index),
        `${shown}: a placeholder is written {{attributes.NAME}} or {{features.NAME}}`,
      );
    }
    if (part !== "") template.push(part);
  };
  for (const match of text.matchAll(PLACEHOLDER)) {
    plain(end, match.index);
    end = match.index + match[0].length;
    const found = reader((match[1] as string).trim(), names);
    if ("wrong" in found) faults.add(placeAt(match.index), found.wrong);
    else {
      template.push({ read: found.read, get: found.get });
      if (found.model !== undefined) models.push(found.model);
    }
  }
  plain(end, text.length);
  return { template, models };
}

interface Reader {
  readonly read: string;
  readonly get: (scope: RuleScope) => PropValue | undefined;
  readonly model?: ModelIndex;
}

function reader(written: string, names: DeclaredNames): Reader | { readonly wrong: string } {
  const match = READ.exec(written);
  if (match === null)
    return { wrong: `{{${written}}} is no placeholder: write {{attributes.NAME}} or {{features.NAME}}` };
  const root = match[1] ?? "attributes";
  const name = match[2] as string;
  const read = `${root}.${name}`;
  switch (root) {
    case "attributes":
      return attribute(read, name, names);
    case "features": {
      const index = names.features.indexOf(name) as FeatureIndex;
      if (index < 0) return unknown("feature", name, names.features);
      return { read, get: (scope) => finite(scope.features[index]) };
    }
    case "model": {
      const index = names.models.indexOf(name) as ModelIndex;
      if (index < 0) return unknown("model", name, names.models);
      return { read, get: (scope) => finite(scope.models[index]), model: index };
    }
    case "context":
      return { read, get: (scope) => (Object.hasOwn(scope.context, name) ? scope.context[name] : undefined) };
    case "customer":
      if (name === "open_cases") return { read, get: (scope) => scope.openCases };
      return unknown("field of customer", name, ["open_cases"]);
    default:
      return unknown("name", root, ["attributes", "features", "context", "model", "customer"]);
  }
}

function attribute(read: string, name: string, names: DeclaredNames): Reader | { readonly wrong: string } {
  const known = names.attributes.map((attribute) => attribute.name);
  const index = known.indexOf(name) as AttributeIndex;
  if (index >= 0) return { read, get: (scope) => scope.attributes[index] };
  if (names.features.includes(name)) {
    return { wrong: `unknown attribute ${JSON.stringify(name)}: the feature is written {{features.${name}}}` };
  }
  return unknown("attribute", name, known);
}

function unknown(noun: string, name: string, known: readonly string[]): { readonly wrong: string } {
  return { wrong: `unknown ${noun} ${JSON.stringify(name)}${suggest(name, known)}` };
}

function finite(value: number | undefined): number | undefined {
  return value === undefined || !Number.isFinite(value) ? undefined : value;
}
