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

export function compileGather(plan: RowPlan): GatherRows {
  const width = plan.columns.length;
  const cells = Array.from(plan.columns, (column, index) => {
    if (!Number.isInteger(column)) throw new RangeError(`column ${column} is no index`); // it becomes code
    return `v=fround(row[${column}]);input[at+${index}]=v;zero+=v*0;`;
  });
  // Of a cell that is missing or infinite `zero` is NaN: most rows have none, and fillRow looks again at those that have.
  const body = `"use strict";
const fround=Math.fround;
return (rows,from,to,input,at)=>{
for(let index=from;index<to;index++){
const row=rows[index];
let zero=0,v=0;
${cells.join("\n")}
if(zero!==0&&!fillRow(plan,row,input,at))return index;
at+=${width};
}
return to;
};`;
  return new Function("plan", "fillRow", body)(plan, fillRow) as GatherRows;
}
