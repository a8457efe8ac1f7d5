// A rulebook's features and attributes as places in the packed record (shape.ts) and as what events feed (plan.ts).
import type { Props, PropValue } from "../domain/event.ts";
import type { AttributeSpec, FeatureSpec } from "../rulebook/rulebook.ts";
import { SET_STRINGS_MAX, TEXT_LENGTH_MAX } from "./bounds.ts";
import { type FeatureRead, planFeatures, type Reader } from "./plan.ts";
import { arrange, type LayoutDescriptor, type LayoutShape } from "./shape.ts";

export type { LayoutDescriptor } from "./shape.ts";

export interface Layout extends LayoutDescriptor {
  readonly attributeByName: ReadonlyMap<string, AttributeSpec>;
  readonly reads: readonly FeatureRead[];
  readonly readersByType: ReadonlyMap<string, readonly Reader[]>;
  /** Readers of every type: all that an event of an unnamed type meets. */
  readonly readersOfAny: readonly Reader[];
  /** JSON with identities and sizes, no functions; `parseLayout` reads it. */
  readonly describe: () => string;
}

/** Throws RangeError where a feature asks for what no record can hold: the rulebook's compiler refuses these first. */
export function compileLayout(features: readonly FeatureSpec[], attributes: readonly AttributeSpec[]): Layout {
  const plan = planFeatures(features);
  const shape: LayoutShape = {
    registers: plan.registers,
    tracks: plan.tracks,
    attributes: attributes.map(({ name, type }) => ({ name, type })),
  };
  const text = JSON.stringify(shape);
  const descriptor = arrange(shape, text);
  const { reads, readersByType, readersOfAny } = plan.bind(descriptor.registers, descriptor.tracks);
  const attributeByName = new Map(attributes.map((attribute) => [attribute.name, attribute]));
  return { ...descriptor, attributeByName, reads, readersByType, readersOfAny, describe: () => text };
}

/** Reads what `describe` wrote. Throws SyntaxError, TypeError or RangeError on anything else. */
export function parseLayout(text: string): LayoutDescriptor {
  const shape = JSON.parse(text) as LayoutShape;
  const known = Array.isArray(shape.registers) && Array.isArray(shape.tracks) && Array.isArray(shape.attributes);
  if (!known) throw new TypeError("not the description of a layout: registers, tracks and attributes are expected");
  return arrange(shape, text);
}

/**
 * What is wrong with the props of a `profile_update`; undefined where every one is a declared attribute of its type. `unknown`
 * names one that is not declared: its name is whatever the sender wrote.
 */
export function attributeFault(
  { attributeByName }: Pick<Layout, "attributeByName">,
  props: Props,
  unknown = (name: string): string => `unknown attribute "${name}"`,
): string | undefined {
  for (const name of Object.keys(props)) {
    const spec = attributeByName.get(name);
    if (spec === undefined) return `${unknown(name)}: declare it under attributes in features.yaml`;
    const fault = valueFault(spec, props[name] as PropValue);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** What is wrong with one value of an attribute. */
export function valueFault(spec: AttributeSpec, value: PropValue): string | undefined {
  const found = Array.isArray(value) ? "set" : typeof value;
  if (found !== spec.type) return `attribute "${spec.name}" is declared as ${spec.type}, got ${found}`;
  if (typeof value === "number" && !Number.isFinite(value)) return `attribute "${spec.name}" is not a finite number`;
  if (typeof value === "string") return textFault(spec.name, value);
  if (typeof value === "number" || typeof value === "boolean") return undefined;
  if (value.length > SET_STRINGS_MAX) {
    return `attribute "${spec.name}" has ${value.length} strings, at most ${SET_STRINGS_MAX} are kept`;
  }
  for (const text of value) {
    const fault = textFault(spec.name, text);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function textFault(name: string, text: string): string | undefined {
  if (text.length <= TEXT_LENGTH_MAX) return undefined;
  return `attribute "${name}" has a string of ${text.length} characters, at most ${TEXT_LENGTH_MAX} are kept`;
}
