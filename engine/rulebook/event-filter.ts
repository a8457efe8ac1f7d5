import type { CustomerEvent } from "../domain/event.ts";
import { compileExpression } from "./cel-javascript.ts";
import { eventNames } from "./cel-names.ts";
import { parseExpression } from "./cel-parse.ts";
import { CEL_RUNTIME } from "./cel-runtime.ts";
import type { WrittenExpression } from "./expressions.ts";
import type { FaultLog } from "./fault.ts";

const NAMES = eventNames();

/** Compiles `where` of a feature. A rule error at run time counts as no. Undefined where it is faulty. */
export function compileEventFilter(
  written: WrittenExpression,
  faults: FaultLog,
): ((event: CustomerEvent) => boolean) | undefined {
  const parsed = parseExpression(written.text);
  if (parsed.kind === "faulty") {
    faults.add(written.placeAt(parsed.fault.at), parsed.fault.message);
    return undefined;
  }
  const { javascript, temporaries, faults: wrong } = compileExpression(parsed.ast, NAMES, "boolean");
  for (const fault of wrong) faults.add(written.placeAt(fault.at), fault.message);
  if (wrong.length > 0) return undefined;
  const variables = Array.from({ length: temporaries }, (_, index) => `,t${index}`).join("");
  const source = [
    '"use strict";',
    `const {${Object.keys(CEL_RUNTIME).join(",")}}=runtime;`,
    `return (e)=>{let P=e.props${variables};return ${javascript}===1;};`,
  ].join("\n");
  return new Function("runtime", source)(CEL_RUNTIME) as (event: CustomerEvent) => boolean;
}
