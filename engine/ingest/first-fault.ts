// The commonest faults of an event, found without the validator: it lists all errors of all fields, which takes longer than a good
// event takes in all. A flood of malformed events must not cost more than as many good ones.
import { ANONYMOUS_LENGTH_MAX, CUSTOMER_LENGTH_MAX, ID_LENGTH_MAX, TYPE_LENGTH_MAX } from "./bounds.ts";
import type { FieldFault } from "./refused.ts";

const REQUIRED = ["id", "type", "ts"] as const;
/** In the order of the schema, with the most characters that each may have. */
const TEXTS_BEFORE_TS = [
  ["id", ID_LENGTH_MAX],
  ["type", TYPE_LENGTH_MAX],
  ["customer", CUSTOMER_LENGTH_MAX],
  ["anonymousId", ANONYMOUS_LENGTH_MAX],
] as const;

/**
 * The error that EventSchema's validator would list first, of a value that it refuses: a field that is missing, or is of another
 * type. Undefined where it is something else; then the validator has to say.
 */
export function firstFault(event: Readonly<Record<string, unknown>>): FieldFault | undefined {
  for (const name of REQUIRED) if (!Object.hasOwn(event, name)) return { name, type: undefined };
  for (const [name, lengthMax] of TEXTS_BEFORE_TS) {
    if (!Object.hasOwn(event, name)) continue;
    const text = event[name];
    if (typeof text !== "string") return text === undefined ? undefined : { name, type: "string" };
    if (text.length === 0 || text.length > lengthMax || text.startsWith("anon:")) return undefined;
  }
  const { ts } = event;
  const isElse = ts === undefined || typeof ts === "bigint" || Number.isInteger(ts);
  return isElse ? undefined : { name: "ts", type: "integer" };
}
