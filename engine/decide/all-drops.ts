// One drop for each action that fell as a whole, else one for each of its treatments that is not offered, in canonical order.
import type { Drop } from "../domain/drop.ts";
import { type Cause, DROPPED, type DropList, type DropWriter, hasCause, type PackedDrop } from "../domain/drop-list.ts";
import type { ActionIndex } from "../domain/ids.ts";
import type { Choice } from "./choice.ts";
import type { Prepared } from "./prepared.ts";

/** Puts what fell before the ranking and what lost in it into one order, and forgets the losses. */
export function allDrops(prepared: Prepared, choice: Choice, drops: DropWriter): DropList {
  const { table } = prepared;
  const early = choice.qualified.dropped;
  const left = rowsLeft(prepared, choice);
  if (left.length === 0 && choice.restaged.size === 0) return early;
  drops.clear();
  let next = 0;
  let told = -1;
  const tell = (until: number): void => {
    for (; next < left.length && (left[next] as number) < until; next++) {
      const row = left[next] as number;
      addLoss(prepared, choice, drops, row, row !== told);
    }
  };
  early.forEachPacked((drop) => {
    if (next < left.length && (left[next] as number) < drop.row) tell(drop.row);
    told = drop.row;
    if (choice.fallen.size === 0 || !choice.fallen.has(table.actionOf[drop.row] as ActionIndex)) {
      copy(drop, early, choice, drops);
    }
  });
  tell(Number.POSITIVE_INFINITY);
  return drops.take(table);
}

/** Rows of what was left for the ranking, and of the actions that rules reading models dropped; ascending, each once or more. */
function rowsLeft({ table }: Prepared, { qualified, fallen }: Choice): readonly number[] {
  const { treatments, kept } = qualified;
  const rows: number[] = [];
  for (let at = 0; at < treatments.length; at++) rows.push(table.rowOfTreatment[treatments[at] as number] as number);
  if (kept.length + fallen.size === 0) return rows;
  for (const { treatment } of kept) rows.push(table.rowOfTreatment[treatment.treatment.index] as number);
  for (const action of fallen.keys()) rows.push(table.rowOfAction[action] as number);
  return rows.sort((a, b) => a - b);
}

/** `isTold`: is it still to be told why, or has it fallen already? */
function addLoss(
  { table }: Prepared,
  { board: { losses }, fallen }: Choice,
  drops: DropWriter,
  row: number,
  isTold: boolean,
): void {
  const treatment = table.treatmentOf[row] as number;
  const fell = fallen.size === 0 ? undefined : fallen.get(table.actionOf[row] as ActionIndex);
  if (treatment < 0) {
    drops.addCause(row, DROPPED.other, fell as Drop);
    return;
  }
  if (!losses.has(treatment)) return;
  const code = losses.codes[treatment] as number;
  if (fell === undefined && isTold) {
    if (code === DROPPED.other) drops.addCause(row, code, losses.otherOf(treatment));
    else {
      const meta = code | ((losses.placements[treatment] as number) << 8);
      drops.addNumber(row, meta, losses.rivals[treatment] as number, losses.priorities[treatment] as number);
    }
  }
  losses.clear(treatment);
}

function copy(
  { row, code, operand, number }: Readonly<PackedDrop>,
  early: DropList,
  { restaged }: Choice,
  drops: DropWriter,
): void {
  const other = restaged.size === 0 ? undefined : restaged.get(row);
  if (other !== undefined) drops.addCause(row, DROPPED.other, other);
  else if (code === DROPPED.belowFloor) drops.addNumber(row, code, operand, number);
  else if (hasCause(code)) drops.addCause(row, code, early.causes[operand] as Cause);
  else drops.add(row, code, operand);
}
