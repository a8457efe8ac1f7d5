// One drop for each action that fell as a whole, else one for each of its treatments that is not offered, in canonical order.
import type { Drop } from "../domain/drop.ts";
import { DROPPED, type DropList, type DropWriter, hasNumber, WORDS_PER_DROP } from "../domain/drop-list.ts";
import type { ActionIndex } from "../domain/ids.ts";
import type { Choice } from "./choice.ts";
import type { Prepared } from "./prepared.ts";

/** Greater than any row. */
const PAST_ALL = 0x7fffffff;

/** Puts what fell before the ranking and what lost in it into one order, and forgets the losses. */
export function allDrops(prepared: Prepared, choice: Choice, drops: DropWriter): DropList {
  const { fallen, restaged, qualified } = choice;
  const early = qualified.dropped;
  const isChanged = fallen.size + restaged.size > 0;
  if (!isChanged && qualified.kept.length === 0) return withLosses(prepared, choice, drops);
  const left = rowsLeft(prepared, choice);
  const { words, numbers } = early;
  drops.open(early.length + left.length, early.causes);
  let next = 0;
  let nextNumber = 0;
  let told = -1;
  for (let at = 0; at <= left.length; at++) {
    const row = at < left.length ? (left[at] as number) : PAST_ALL;
    for (; next < words.length && (words[next] as number) <= row; next += WORDS_PER_DROP) {
      told = words[next] as number;
      const meta = words[next + 1] as number;
      const has = hasNumber(meta & 0xff);
      const number = has ? (numbers[nextNumber++] as number) : Number.NaN;
      if (isChanged && !stands(prepared, choice, drops, told)) continue;
      if (has) drops.addNumber(told, meta, words[next + 2] as number, number);
      else drops.add(told, meta, words[next + 2] as number);
    }
    if (at < left.length) addLoss(prepared, choice, drops, row, row !== told);
  }
  return drops.take(prepared.table);
}

/**
 * The same where nothing that was said before the ranking has changed, and nothing is kept, so that no row is told twice: two
 * ordered runs become one. Written out, for this is where most drops of most decisions come by.
 */
function withLosses({ table }: Prepared, { board: { losses }, qualified }: Choice, drops: DropWriter): DropList {
  const { treatments, dropped: early } = qualified;
  if (treatments.length === 0) return early;
  const { words, numbers } = early;
  const { codes, placements, rivals, priorities } = losses;
  drops.open(early.length + treatments.length, early.causes);
  const { words: into, numbers: numbersInto } = drops;
  const length = words.length;
  let next = 0;
  let nextNumber = 0;
  let { end, numbersEnd } = drops;
  for (let at = 0; at <= treatments.length; at++) {
    const treatment = at < treatments.length ? (treatments[at] as number) : -1;
    const row = treatment < 0 ? PAST_ALL : (table.rowOfTreatment[treatment] as number);
    for (; next < length && (words[next] as number) < row; next += WORDS_PER_DROP) {
      const meta = words[next + 1] as number;
      into[end] = words[next] as number;
      into[end + 1] = meta;
      into[end + 2] = words[next + 2] as number;
      end += WORDS_PER_DROP;
      if (hasNumber(meta & 0xff)) numbersInto[numbersEnd++] = numbers[nextNumber++] as number;
    }
    if (treatment < 0 || !losses.has(treatment)) continue;
    const code = codes[treatment] as number;
    if (code === DROPPED.other) {
      drops.end = end;
      drops.addCause(row, code, losses.otherOf(treatment));
      end = drops.end;
    } else {
      into[end] = row;
      into[end + 1] = code | ((placements[treatment] as number) << 8);
      into[end + 2] = rivals[treatment] as number;
      end += WORDS_PER_DROP;
      numbersInto[numbersEnd++] = priorities[treatment] as number;
    }
    losses.clear(treatment);
  }
  drops.end = end;
  drops.numbersEnd = numbersEnd;
  return drops.take(table);
}

/** Rows of what was left for the ranking, and of the actions that rules reading models dropped; ascending, each once or more. */
function rowsLeft({ table }: Prepared, { qualified, fallen }: Choice): readonly number[] {
  const { treatments, kept } = qualified;
  const rows = new Array<number>(treatments.length);
  for (let at = 0; at < treatments.length; at++) rows[at] = table.rowOfTreatment[treatments[at] as number] as number;
  if (kept.length + fallen.size === 0) return rows;
  const more: number[] = [];
  for (const { treatment } of kept) more.push(table.rowOfTreatment[treatment.treatment.index] as number);
  for (const action of fallen.keys()) more.push(table.rowOfAction[action] as number);
  return merged(rows, more.length > 1 ? more.sort((a, b) => a - b) : more);
}

/** Both are ascending. In one pass: few are added to many. */
function merged(rows: readonly number[], more: readonly number[]): readonly number[] {
  const all = new Array<number>(rows.length + more.length);
  let row = 0;
  let other = 0;
  for (let at = 0; at < all.length; at++) {
    const isOther = row === rows.length || (other < more.length && (more[other] as number) < (rows[row] as number));
    all[at] = (isOther ? more[other++] : rows[row++]) as number;
  }
  return all;
}

/** Does what was said about this row before the ranking still hold? Says what does instead. */
function stands({ table }: Prepared, { fallen, restaged }: Choice, drops: DropWriter, row: number): boolean {
  if (fallen.has(table.actionOf[row] as ActionIndex)) return false;
  const other = restaged.get(row);
  if (other !== undefined) drops.addCause(row, DROPPED.other, other);
  return other === undefined;
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
