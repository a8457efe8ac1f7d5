// One typebox schema checks a body and says what is wrong with it; errors are collected only after a check failed.
import type { Static, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import type { ProblemError } from "./problem.ts";

export type Checked<Value> =
  | { readonly kind: "valid"; readonly value: Value }
  | { readonly kind: "invalid"; readonly errors: readonly ProblemError[] };

const ERRORS_MAX = 20;
const POINTER_MAX = 200;

interface SchemaError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: object;
}

/** Compiles a schema into a check; `under` is put before every pointer, e.g. `/3` for an element of an array. */
export function createCheck<Schema extends TSchema>(
  schema: Schema,
): (value: unknown, under?: string) => Checked<Static<Schema>> {
  const compiled = Compile(schema);
  return (value, under = "") => {
    if (compiled.Check(value)) return { kind: "valid", value: value as Static<Schema> };
    return { kind: "invalid", errors: pointersOf(compiled.Errors(value) as readonly SchemaError[], under) };
  };
}

function pointersOf(errors: readonly SchemaError[], under: string): readonly ProblemError[] {
  const byPointer = new Map<string, string[]>();
  for (const error of errors) {
    for (const { pointer, detail } of plainWords(error)) {
      const details = byPointer.get(under + pointer) ?? [];
      if (!details.includes(detail)) details.push(detail);
      byPointer.set(under + pointer, details);
    }
  }
  return [...byPointer]
    .slice(0, ERRORS_MAX)
    .map(([pointer, details]) => ({ pointer: pointer.slice(0, POINTER_MAX), detail: details.join(" or ") }));
}

function plainWords(error: SchemaError): readonly ProblemError[] {
  const pointer = error.instancePath;
  const params = error.params as { requiredProperties?: readonly string[]; allowedValues?: readonly unknown[] };
  if (error.keyword === "boolean") return [{ pointer, detail: "is not a field here" }];
  // Said by the `boolean` error of each field, with its own pointer.
  if (error.keyword === "additionalProperties" || error.keyword === "anyOf") return [];
  if (error.keyword === "required")
    return (params.requiredProperties ?? []).map((name) => ({
      pointer: `${pointer}/${escaped(name)}`,
      detail: "is missing",
    }));
  if (error.keyword === "enum" && params.allowedValues !== undefined)
    return [{ pointer, detail: `must be one of ${params.allowedValues.join(", ")}` }];
  return [{ pointer, detail: error.message }];
}

function escaped(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
