// The rows of a call side by side, as the model reads them: one function for each model, its columns written out. A loop over
// the columns takes three times as long, and a third of the time of the whole call.
import { fillRow, type RowPlan } from "./run-batch.ts";

/**
 * Writes rows[from, to) to `input`, the first of them at cell `at`, as fillRow would write each. Returns where it stopped:
 * at a row with a number that no float32 holds, or at `to`.
 */
export type GatherRows = (
  rows: readonly Float64Array[],
  from: number,
  to: number,
  input: Float32Array,
  at: number,
) => number;

/** Times this every number overflows that is infinite as a float32: from 2^128 - 2^103 on. Some below do as well. */
const TO_OVERFLOW = 5.3e269;

export function compileGather(plan: RowPlan): GatherRows {
  const width = plan.columns.length;
  const cells = Array.from(plan.columns, (column, index) => {
    if (!Number.isInteger(column)) throw new RangeError(`column ${column} is no index`); // it becomes code
    return `cell=row[${column}];input[at+${index}]=cell;sum+=cell*${TO_OVERFLOW};`;
  });
  // The sum stays finite where nothing is missing and every number fits, which is so for most rows; the others are filled again.
  // Rounded first, and summed as zeros, it would be exact, and take one and a half times as long.
  const body = `"use strict";
return (rows,from,to,input,at)=>{
for(let index=from;index<to;index++){
const row=rows[index];
let sum=0,cell=0;
${cells.join("\n")}
if(sum-sum!==0&&!fillRow(plan,row,input,at))return index;
at+=${width};
}
return to;
};`;
  return new Function("plan", "fillRow", body)(plan, fillRow) as GatherRows;
}
