// The drops of one decision as columns of numbers: thousands are made for each decision of a large rulebook, and only those
// that somebody reads become objects.
//
//   words     row | code, placement << 8 | operand     three int32 for each drop, in canonical order
//   numbers   a priority or propensity, for each drop whose code has one, in the same order
//   causes    what several drops share: a policy with its numbers; and whole drops of the rare kinds
import { type ActionDrop, type Drop, type EngagementStage, STAGES, type Stage, type TreatmentDrop } from "./drop.ts";
import type { ActionIndex, PlacementIndex, RuleIndex, TreatmentIndex } from "./ids.ts";
import { FloatTape, IntTape } from "./tape.ts";

/** What a word says. The operand is 0, or as noted. */
export const DROPPED = {
  noTreatment: 0,
  switchedOff: 1,
  notYet: 2,
  noLonger: 3,
  offByArm: 4,
  /** A rule: +2 for each tier after eligibility, +1 where it failed with an error. Operand: RuleIndex. */
  rule: 5,
  denied: 11,
  notGiven: 12,
  /** Operand of these three: index of the cause. */
  suppressed: 13,
  quiet: 14,
  limited: 15,
  /** Number: the propensity. */
  belowFloor: 16,
  /** Operand: the rival treatment. Number: the priority. */
  slots: 17,
  sameAction: 18,
  /** Operand: index of the whole drop among the causes. */
  other: 19,
} as const;

const AVAILABILITY = ["no-treatment", "switched-off", "not-yet", "no-longer", "arm"] as const;
const TIERS: readonly EngagementStage[] = ["eligibility", "applicability", "suitability"];
export const WORDS_PER_DROP = 3;
const NO_CAUSES: readonly Cause[] = [];

/** Candidates in canonical order: each action, followed by its treatments. All by row. */
export interface CandidateRows {
  /** The action of either. */
  readonly actionOf: Int32Array;
  /** -1: the row is an action. */
  readonly treatmentOf: Int32Array;
  /** Of the action's propensity. */
  readonly floorOf: Float64Array;
}

type PolicyCause = Extract<Drop, { stage: "suppression" | "quiet-hours" | "contact-limit" }>;
/** A policy drop without what it is about, or a whole drop. */
export type Cause = Drop | Omit<PolicyCause, "stage" | "treatment">;

/** One drop as it lies in the columns. `number` is NaN where its code has none. */
export interface PackedDrop {
  row: number;
  code: number;
  placement: number;
  operand: number;
  number: number;
}

export class DropList implements Iterable<Drop> {
  readonly length: number;
  readonly rows: CandidateRows;
  readonly words: Int32Array;
  readonly numbers: Float64Array;
  readonly causes: readonly Cause[];

  constructor(rows: CandidateRows, words: Int32Array, numbers: Float64Array, causes: readonly Cause[]) {
    this.length = words.length / WORDS_PER_DROP;
    this.rows = rows;
    this.words = words;
    this.numbers = numbers;
    this.causes = causes;
  }

  *[Symbol.iterator](): Iterator<Drop> {
    const found: Drop[] = [];
    this.forEachPacked((drop) => found.push(this.whole(drop)));
    yield* found;
  }

  /** Calls `visit` with each drop; the object is valid until `visit` returns. Nothing else is allocated. */
  forEachPacked(visit: (drop: Readonly<PackedDrop>) => void): void {
    const { words, numbers } = this;
    const drop: PackedDrop = { row: 0, code: 0, placement: 0, operand: 0, number: 0 };
    let next = 0;
    for (let at = 0; at < words.length; at += WORDS_PER_DROP) {
      const meta = words[at + 1] as number;
      drop.row = words[at] as number;
      drop.code = meta & 0xff;
      drop.placement = meta >>> 8;
      drop.operand = words[at + 2] as number;
      drop.number = hasNumber(drop.code) ? (numbers[next++] as number) : Number.NaN;
      visit(drop);
    }
  }

  /** Each stage with drops, how many, and how many of them an error of a rule caused. */
  forEachStage(visit: (stage: Stage, drops: number, errors: number) => void): void {
    const { words } = this;
    dropsAt.fill(0);
    errorsAt.fill(0);
    for (let at = 1; at < words.length; at += WORDS_PER_DROP) {
      const code = (words[at] as number) & 0xff;
      if (code === DROPPED.other) this.countWhole(this.causes[words[at + 1] as number] as Drop);
      else {
        const stage = STAGE_NUMBER[code] as number;
        dropsAt[stage] = (dropsAt[stage] as number) + 1;
        if (isRule(code) && (code - DROPPED.rule) % 2 === 1) errorsAt[stage] = (errorsAt[stage] as number) + 1;
      }
    }
    for (const [stage, name] of STAGES.entries()) {
      const count = dropsAt[stage] as number;
      if (count > 0) visit(name, count, errorsAt[stage] as number);
    }
  }

  /** One of this list, as a value. */
  whole({ row, code, placement: at, operand, number }: Readonly<PackedDrop>): Drop {
    if (code === DROPPED.other) return this.causes[operand] as Drop;
    const index = this.rows.treatmentOf[row] as number;
    if (index < 0) return actionDrop(this.rows.actionOf[row] as ActionIndex, code, operand);
    const treatment = index as TreatmentIndex;
    if (code <= DROPPED.offByArm) {
      const because = AVAILABILITY[code] as Exclude<(typeof AVAILABILITY)[number], "no-treatment">;
      return { stage: "availability", treatment, because };
    }
    if (isRule(code)) return { ...ruleOf(code, operand), treatment };
    const placement = at as PlacementIndex;
    const lostTo = operand as TreatmentIndex;
    switch (code) {
      case DROPPED.denied:
        return { stage: "consent", treatment, because: "denied" };
      case DROPPED.notGiven:
        return { stage: "consent", treatment, because: "not-given" };
      case DROPPED.belowFloor:
        return { stage: "propensity", treatment, propensity: number, floor: this.rows.floorOf[row] as number };
      case DROPPED.slots:
        return { stage: "slots", treatment, placement, lostTo, priority: number };
      case DROPPED.sameAction:
        return { stage: "arbitration", treatment, placement, lostTo, priority: number, because: "same-action" };
    }
    return { stage: STAGE_OF[code], treatment, ...this.causes[operand] } as TreatmentDrop;
  }

  private countWhole(drop: Drop): void {
    const stage = STAGES.indexOf(drop.stage);
    dropsAt[stage] = (dropsAt[stage] as number) + 1;
    if ("because" in drop && drop.because === "rule-error") errorsAt[stage] = (errorsAt[stage] as number) + 1;
  }
}

function actionDrop(action: ActionIndex, code: number, operand: number): ActionDrop {
  if (isRule(code)) return { ...ruleOf(code, operand), action };
  const because = AVAILABILITY[code] as Exclude<(typeof AVAILABILITY)[number], "arm">;
  return { stage: "availability", action, because };
}

function ruleOf(code: number, operand: number) {
  const stage = STAGE_OF[code] as EngagementStage;
  const because = (code - DROPPED.rule) % 2 === 1 ? ("rule-error" as const) : ("false" as const);
  return { stage, rule: operand as RuleIndex, because };
}

/** Does the drop of this code name a rule? */
export function isRule(code: number): boolean {
  return code >= DROPPED.rule && code < DROPPED.denied;
}

/** Is its operand the index of a cause? */
export function hasCause(code: number): boolean {
  return code === DROPPED.other || (code >= DROPPED.suppressed && code <= DROPPED.limited);
}

export function hasNumber(code: number): boolean {
  return code >= DROPPED.belowFloor && code < DROPPED.other;
}

/** By code; undefined for `other`, whose drop says it. */
export const STAGE_OF: readonly (Stage | undefined)[] = [
  ...AVAILABILITY.map(() => "availability" as const),
  ...TIERS.flatMap((tier) => [tier, tier]),
  "consent",
  "consent",
  "suppression",
  "quiet-hours",
  "contact-limit",
  "propensity",
  "slots",
  "arbitration",
  undefined,
];

/** By code: position among STAGES; -1 for `other`. */
const STAGE_NUMBER = Int8Array.from(STAGE_OF, (stage) => (stage === undefined ? -1 : STAGES.indexOf(stage)));
const dropsAt = new Int32Array(STAGES.length);
const errorsAt = new Int32Array(STAGES.length);

/** By code: the word that the drop gives as its cause; undefined where it gives none, or its cause does. */
export const BECAUSE_OF: readonly (string | undefined)[] = [
  ...AVAILABILITY,
  ...TIERS.flatMap(() => ["false", "rule-error"]),
  "denied",
  "not-given",
  ...[undefined, undefined, undefined, undefined, undefined],
  "same-action",
  undefined,
];

/**
 * Collects the drops of one decision, in canonical order; `open` starts over. Its columns lie open for who writes many: the next
 * drop goes to `words[end]`, its number to `numbers[numbersEnd]`.
 */
export class DropWriter {
  private readonly wordTape = new IntTape();
  private readonly numberTape = new FloatTape();
  words = this.wordTape.buffer;
  numbers = this.numberTape.buffer;
  end = 0;
  numbersEnd = 0;
  private causes: Cause[] = [];

  /** For so many drops at most. `causes`: of drops that are to be added as they are. */
  open(dropsMax: number, causes: readonly Cause[] = NO_CAUSES): void {
    const { wordTape, numberTape } = this;
    wordTape.open(dropsMax * WORDS_PER_DROP);
    numberTape.open(dropsMax);
    this.words = wordTape.buffer;
    this.numbers = numberTape.buffer;
    this.end = wordTape.start;
    this.numbersEnd = numberTape.start;
    if (this.causes.length + causes.length > 0) this.causes = causes.slice();
  }

  add(row: number, meta: number, operand: number): void {
    const { words, end } = this;
    words[end] = row;
    words[end + 1] = meta;
    words[end + 2] = operand;
    this.end = end + WORDS_PER_DROP;
  }

  /** Of a code that has a number. `meta`: code, placement << 8 */
  addNumber(row: number, meta: number, operand: number, number: number): void {
    this.add(row, meta, operand);
    this.numbers[this.numbersEnd++] = number;
  }

  /** One that shares its cause with those before it shares the object, too. */
  addCause(row: number, code: number, cause: Cause): void {
    const last = this.causes.length - 1;
    const operand = this.causes[last] === cause ? last : this.causes.push(cause) - 1;
    this.add(row, code, operand);
  }

  /** What was added since `open`. */
  take(rows: CandidateRows): DropList {
    const causes = this.causes.length === 0 ? NO_CAUSES : this.causes;
    if (this.causes.length > 0) this.causes = [];
    return new DropList(rows, this.wordTape.keep(this.end), this.numberTape.keep(this.numbersEnd), causes);
  }
}
