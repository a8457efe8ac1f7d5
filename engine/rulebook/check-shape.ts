// Checks a file's value against its schema, and says what is wrong where it is written.
import type { TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import type { FaultLog } from "./fault.ts";
import type { Path, Source } from "./source.ts";
import { suggest } from "./suggest.ts";

/** The part of JSON Schema that schema.ts uses. */
interface Shape {
  readonly type?: "object" | "array" | "string" | "number" | "integer" | "boolean";
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Shape;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
}

/** True where the file has the shape. Typebox decides; only a file that failed is walked for its faults. */
export function checkShape(schema: TSchema, source: Source, faults: FaultLog): boolean {
  if (checkerOf(schema).Check(source.value)) return true;
  const before = faults.count();
  explain(schema as Shape, source.value, [], source, faults);
  if (faults.count() === before) faults.add(source.placeOf([]), "this file does not have the shape that is asked for");
  return false;
}

/** Compiling a schema takes longer than checking a file: each is compiled once. */
const checkers = new WeakMap<TSchema, Validator>();

function checkerOf(schema: TSchema): Validator {
  const known = checkers.get(schema);
  if (known !== undefined) return known;
  const checker = Compile(schema);
  checkers.set(schema, checker);
  return checker;
}

function explain(shape: Shape, value: unknown, path: Path, source: Source, faults: FaultLog): void {
  const chosen = shape.anyOf === undefined ? shape : alternative(shape.anyOf, value);
  if (chosen === undefined) {
    faults.add(source.placeOf(path), `${named(path)} must be ${describe(shape)}, found ${show(value)}`);
  } else if (chosen.type === "object" && isRecord(value)) {
    explainObject(chosen, value, path, source, faults);
  } else if (chosen.type === "array" && Array.isArray(value)) {
    explainArray(chosen, value, path, source, faults);
  } else if (!fits(chosen, value)) {
    const hint = chosen.enum !== undefined && typeof value === "string" ? closeChoice(value, chosen.enum) : "";
    faults.add(source.placeOf(path), `${named(path)} must be ${describe(chosen)}, found ${show(value)}${hint}`);
  }
}

function closeChoice(value: string, choices: readonly string[]): string {
  const hint = suggest(value, choices);
  return hint.startsWith(": did you mean") ? hint : "";
}

function explainObject(
  shape: Shape,
  value: Readonly<Record<string, unknown>>,
  path: Path,
  source: Source,
  faults: FaultLog,
): void {
  const properties = shape.properties ?? {};
  for (const field of shape.required ?? []) {
    if (!Object.hasOwn(value, field)) {
      const nearly = Object.keys(value).some((key) => !Object.hasOwn(properties, key) && isClose(key, field));
      if (!nearly) faults.add(source.placeOf(path), `${named(path)} lacks the field ${JSON.stringify(field)}`);
    }
  }
  for (const [field, item] of Object.entries(value)) {
    const known = Object.hasOwn(properties, field) ? properties[field] : undefined;
    const other = typeof shape.additionalProperties === "object" ? shape.additionalProperties : undefined;
    const inner = known ?? other;
    if (inner !== undefined) explain(inner, item, [...path, field], source, faults);
    else {
      const hint = suggest(field, Object.keys(properties));
      faults.add(source.placeOfKey(path, field), `unknown field ${JSON.stringify(field)} in ${named(path)}${hint}`);
    }
  }
}

function isClose(key: string, field: string): boolean {
  return suggest(key, [field]).startsWith(": did you mean");
}

function explainArray(shape: Shape, value: readonly unknown[], path: Path, source: Source, faults: FaultLog): void {
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY } = shape;
  if (value.length < minItems || value.length > maxItems) {
    faults.add(source.placeOf(path), `${named(path)} must be ${describe(shape)}, found ${value.length} items`);
  }
  const { items } = shape;
  if (items === undefined) return;
  for (const [index, item] of value.entries()) explain(items, item, [...path, index], source, faults);
}

/** The alternative that the value is meant to be: the one of its kind. */
function alternative(shapes: readonly Shape[], value: unknown): Shape | undefined {
  return shapes.find((shape) => {
    if (shape.type === "object") return isRecord(value);
    if (shape.type === "array") return Array.isArray(value);
    if (shape.enum !== undefined) return typeof value === "string";
    return typeof value === (shape.type === "integer" ? "number" : shape.type);
  });
}

function fits(shape: Shape, value: unknown): boolean {
  if (shape.enum !== undefined) return typeof value === "string" && shape.enum.includes(value);
  if (shape.type === "boolean") return typeof value === "boolean";
  if (shape.type === "string") {
    if (typeof value !== "string") return false;
    const length = [...value].length;
    if (length < (shape.minLength ?? 0) || length > (shape.maxLength ?? Number.POSITIVE_INFINITY)) return false;
    return shape.pattern === undefined || new RegExp(shape.pattern, "u").test(value);
  }
  if (shape.type !== "number" && shape.type !== "integer") return false;
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  if (shape.type === "integer" && !Number.isInteger(value)) return false;
  return (
    value >= (shape.minimum ?? Number.NEGATIVE_INFINITY) &&
    value <= (shape.maximum ?? Number.POSITIVE_INFINITY) &&
    value > (shape.exclusiveMinimum ?? Number.NEGATIVE_INFINITY) &&
    value < (shape.exclusiveMaximum ?? Number.POSITIVE_INFINITY)
  );
}

/** What would be right, in words. */
function describe(shape: Shape): string {
  if (shape.description !== undefined) return shape.description;
  if (shape.anyOf !== undefined) return shape.anyOf.map(describe).join(", or ");
  if (shape.enum !== undefined) return `one of ${shape.enum.join(", ")}`;
  if (shape.type === "object") {
    const fields = shape.required ?? [];
    return fields.length === 0 ? "fields" : `fields with ${fields.join(", ")}`;
  }
  if (shape.type === "array") return `a list of ${shape.minItems ?? 0} to ${shape.maxItems ?? "any number of"} items`;
  if (shape.type === "string") return "a text";
  if (shape.type === "boolean") return "true or false";
  return `a ${shape.type === "integer" ? "whole " : ""}number ${range(shape)}`.trim();
}

function range(shape: Shape): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = shape;
  const bounds = [
    minimum === undefined ? [] : `from ${minimum}`,
    exclusiveMinimum === undefined ? [] : `above ${exclusiveMinimum}`,
    maximum === undefined ? [] : `to ${maximum}`,
    exclusiveMaximum === undefined ? [] : `below ${exclusiveMaximum}`,
  ];
  return bounds.flat().join(exclusiveMinimum === undefined ? " " : " and ");
}

function named(path: Path): string {
  const last = path.at(-1);
  if (last === undefined) return "this file";
  if (typeof last === "string") return JSON.stringify(last);
  const list = path.at(-2);
  return typeof list === "string" ? `item ${last + 1} of ${JSON.stringify(list)}` : `item ${last + 1}`;
}

function show(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "fields";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
