// What is wrong with what was sent, in plain words: made from the errors of the schemas, once a check has failed.
import type { TLocalizedValidationError } from "typebox/error";
import type { DeadReason } from "../domain/event.ts";
import { SET_MAX, TEXT_LENGTH_MAX } from "./bounds.ts";
import { FIELD_NAMES } from "./schemas.ts";

export interface Refused {
  readonly refused: DeadReason;
  /** JSON pointer (RFC 6901) of what is wrong; empty for the whole. Names longer than 40 characters are cut. */
  readonly pointer: string;
  /** For who sent it: what is wrong and what would be right. Quotes at most 40 characters, and never an id of a customer. */
  readonly detail: string;
  /** For dead letters, which others read: place and words without anything that was sent; names of props are `*`. */
  readonly unquoted: string;
}

export function isRefused(outcome: object): outcome is Refused {
  return "refused" in outcome;
}

export function refusal(reason: DeadReason, pointer: string, detail: string): Refused {
  return refused(reason, pointer, detail, "");
}

function refused(reason: DeadReason, pointer: string, words: string, quotation: string): Refused {
  const unquoted = `${unnamed(pointer)} ${words}`.trimStart();
  return { refused: reason, pointer: shortened(pointer), detail: words + quotation, unquoted };
}

/** Names that an event itself has, and places in lists, stay; what a producer may have named does not. */
function unnamed(pointer: string): string {
  return pointer
    .split("/")
    .map((token) => (token === "" || FIELD_NAMES.has(token) || /^\d{1,4}$/.test(token) ? token : "*"))
    .join("/");
}

/** A field of an event that is missing, or is of another type than this. */
export interface FieldFault {
  readonly name: string;
  readonly type: "string" | "integer" | undefined;
}

/** The same as `refusalOf` makes of the validator's error. */
export function refusalOfField({ name, type }: FieldFault, event: Readonly<Record<string, unknown>>): Refused {
  const pointer = `/${name}`;
  if (type === undefined) return refusal("invalid", pointer, "is missing");
  return refused("invalid", pointer, TYPE_WORDS[type] as string, quoted(pointer, event[name]));
}

/** The first error that names the place itself, not one of the alternatives there. */
export function refusalOf(errors: readonly TLocalizedValidationError[], value: unknown, prefix = ""): Refused {
  const error = errors.find((each) => !each.schemaPath.includes("/anyOf/")) ?? errors[0];
  if (error === undefined) return refusal("invalid", prefix, "does not have the shape of an event");
  if (error.keyword === "required") {
    return refusal("invalid", `${prefix}${error.instancePath}/${error.params.requiredProperties[0]}`, "is missing");
  }
  const pointer = prefix + error.instancePath;
  return refused("invalid", pointer, words(error), quoted(pointer, at(value, error.instancePath)));
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: "must be a string",
  number: "must be a finite number",
  integer: "must be a whole number",
  boolean: "must be true or false",
  object: "must be an object",
  array: "must be an array",
};

function words(error: TLocalizedValidationError): string {
  if (error.keyword === "type") return TYPE_WORDS[String(error.params.type)] ?? error.message;
  if (error.keyword === "maxLength") return `must have at most ${error.params.limit} characters`;
  if (error.keyword === "minLength") return "must not be empty";
  if (error.keyword === "maxProperties") return `must have at most ${error.params.limit} names`;
  if (error.keyword === "minimum" || error.keyword === "maximum")
    return `must be ${error.params.comparison} ${error.params.limit}`;
  if (error.keyword === "anyOf") {
    return `must be a string of at most ${TEXT_LENGTH_MAX} characters, a finite number, true, false, or an array of at most ${SET_MAX} such strings`;
  }
  if (error.keyword === "enum") return `must be one of ${error.params.allowedValues.join(", ")}`;
  if (error.keyword === "const") return `must be ${JSON.stringify(error.params.allowedValue)}`;
  if (error.keyword === "boolean" || error.keyword === "additionalProperties") {
    return "is no name for a property: 1 to 64 characters, and not __proto__, constructor or prototype";
  }
  if (error.keyword === "pattern") return patternWords(error.instancePath);
  return error.message;
}

function patternWords(pointer: string): string {
  if (pointer.endsWith("/trackingCode")) return "must be a tracking code as a decision gave it";
  if (pointer.endsWith("/traceparent")) return "must be a W3C traceparent";
  if (pointer.endsWith("/datacontenttype")) return "must be application/json";
  return 'must not begin with "anon:", which is how keys of anonymous profiles begin';
}

const QUOTE_MAX = 40;
const PRIVATE = /^\/(customer|anonymousId|subject|anonymousid)$/;

function quoted(pointer: string, value: unknown): string {
  if (PRIVATE.test(pointer)) return "";
  if (typeof value === "string") return `, is "${cut(value)}"`;
  if (typeof value === "number" || typeof value === "boolean" || value === null) return `, is ${String(value)}`;
  if (Array.isArray(value)) return ", is an array";
  return typeof value === "object" ? ", is an object" : "";
}

function cut(text: string): string {
  return text.length > QUOTE_MAX ? `${text.slice(0, QUOTE_MAX - 1)}…` : text;
}

function shortened(pointer: string): string {
  return pointer.split("/").map(cut).join("/");
}

function at(value: unknown, pointer: string): unknown {
  let here = value;
  for (const token of pointer.split("/").slice(1)) {
    const name = token.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, name)) return undefined;
    here = (here as Record<string, unknown>)[name];
  }
  return here;
}
