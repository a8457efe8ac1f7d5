// Runs one test of rules in a sandbox of its own.
import type { Explanation } from "../decide/explain.ts";
import type { DecisionRecord, ItemRecord } from "../domain/decision.ts";
import { type Instant, MINUTE_MS, plus } from "../domain/time.ts";
import type { Place } from "../rulebook/place.ts";
import { activeRulebookOf } from "./active-rulebook-of.ts";
import { compareStep } from "./compare-step.ts";
import { collect, doDeed, lastItem, type Mismatch, mismatch, type RuleTestBook, type Run, send } from "./do-deed.ts";
import { createGivenScorer } from "./given-scorer.ts";
import type { GivenCustomer, RuleTest, Step } from "./rule-test.ts";
import { createSandbox } from "./sandbox.ts";
import { unknownItems } from "./unknown-items.ts";

export interface RuleTestResult {
  readonly mismatches: readonly Mismatch[];
  /** Every decision of the test. */
  readonly decisions: readonly DecisionRecord[];
  /** Policies and rules that dropped something. */
  readonly hit: ReadonlySet<string>;
}

export async function runRuleTest(test: RuleTest, book: RuleTestBook): Promise<RuleTestResult> {
  const run = await open(test, book);
  let at = run.sandbox.now();
  await give(run);
  for (const [index, step] of test.steps.entries()) {
    const to = instantOf(test, step, at, index === 0);
    if (typeof to === "string") {
      mismatch(run, step.place, { expected: "a time that is not before the line above", got: to });
      break;
    }
    at = to;
    await runStep(run, step, to);
  }
  for (const record of run.decisions) noteExplanation(run, test.place, record);
  const { mismatches, decisions, hit } = run;
  return { mismatches, decisions, hit };
}

async function open(test: RuleTest, book: RuleTestBook): Promise<Run> {
  const models: Run["models"] = new Map();
  let current: string | undefined;
  const given = (model: string): number | undefined => {
    const own = current === undefined ? undefined : { ...test.customers[current]?.models, ...models.get(current) };
    return own?.[model] ?? test.models[model];
  };
  const scorer = createGivenScorer(book.models, given, book.real);
  const first = instantOf(test, test.steps[0] as Step, test.clock.instant(test.date, "00:00") as Instant, true);
  const midnight = test.clock.instant(test.date, "00:00") as Instant;
  const sandbox = await createSandbox({
    rulebook: activeRulebookOf(book.rulebook, scorer),
    // What is given is known before the first step.
    startsAt: plus(typeof first === "string" ? midnight : first, -MINUTE_MS),
    delivers: test.delivers,
    beforeStep: (key) => {
      current = key;
    },
  });
  return {
    test,
    book,
    sandbox,
    models,
    mismatches: [],
    decisions: [],
    hit: new Set(),
    explained: new Map(),
    pending: { decisions: [], withdrawals: [] },
    events: 0,
  };
}

function instantOf({ clock, date }: RuleTest, { when }: Step, before: Instant, isFirst: boolean): Instant | string {
  if (when.kind === "after") return plus(isFirst ? (clock.instant(date, "00:00") as Instant) : before, when.ms);
  const day = when.date ?? (isFirst ? date : clock.date(before));
  const from = clock.instant(day, "12:00");
  const shifted = from === undefined ? undefined : new Date(Date.parse(`${day}T12:00:00Z`) + when.days * 86_400_000);
  const at = shifted === undefined ? undefined : clock.instant(shifted.toISOString().slice(0, 10), when.time);
  if (at === undefined) return `no time: "${day} ${when.time}"`;
  return at < before && !isFirst ? `${day} ${when.time}` : at;
}

async function give(run: Run): Promise<void> {
  for (const [name, customer] of Object.entries(run.test.customers)) {
    for (const [type, props] of givenEvents(customer)) {
      const refused = await send(run, name, type, props, run.sandbox.now());
      if (refused !== undefined) {
        run.mismatches.push({ place: run.test.place, expected: `${name} as given`, got: `refused because ${refused}` });
      }
    }
  }
}

function givenEvents({ attributes, consents, cases }: GivenCustomer): readonly (readonly [string, object])[] {
  const events: (readonly [string, object])[] = [];
  if (attributes !== undefined) events.push(["profile_update", attributes]);
  for (const [channel, purposes] of Object.entries(consents ?? {})) {
    for (const [purpose, said] of Object.entries(purposes)) {
      events.push(["consent_update", { channel, purpose, granted: said === "granted" }]);
    }
  }
  for (const [caseId, kind] of Object.entries(cases ?? {})) events.push(["case_opened", { caseId, kind }]);
  return events;
}

async function runStep(run: Run, step: Step, to: Instant): Promise<void> {
  collect(run, await run.sandbox.advance(to));
  const refused = step.customer === undefined ? undefined : await doDeed(run, step.customer, step.deed, step);
  const { decisions, withdrawals } = take(run, step.customer);
  if (step.expected === undefined) {
    if (refused !== undefined)
      mismatch(run, step.place, { expected: "this to be accepted", got: `refused because ${refused}` });
    return;
  }
  const told = decisions.map((record) => ({ record, explanation: noteExplanation(run, step.place, record) }));
  const seen = {
    now: to,
    clock: run.test.clock,
    decisions: told,
    withdrawals,
    refused,
    lastItem: (item: string) => lastItem(run, item, step.customer),
    contactOf: (item: ItemRecord) => contactOf(run, item),
  };
  const unknown = unknownItems(step.expected, run.book.rulebook);
  for (const difference of [...unknown, ...compareStep(step.expected, seen)])
    mismatch(run, step.expected.place, difference);
}

/** Every explanation is a replay: a decision that does not come out again is told whatever the test expects. */
function noteExplanation(run: Run, place: Place, record: DecisionRecord): Explanation {
  const known = run.explained.get(record.id);
  if (known !== undefined) return known;
  const explanation = run.sandbox.explain(record);
  run.explained.set(record.id, explanation);
  if (explanation.kind !== "explained") return explanation;
  if (!explanation.reproduced) {
    const got = explanation.differences.join("; ");
    mismatch(run, place, { expected: "the decision computed again to be the same", got });
  }
  for (const { fell, treatments } of explanation.actions) {
    for (const fall of [fell, ...treatments.map((treatment) => treatment.fell)]) {
      const by = fall?.policy ?? fall?.rule?.id;
      if (by !== undefined) run.hit.add(by);
    }
  }
  return explanation;
}

/** Takes what happened to one customer, or to everybody. */
function take(run: Run, customer: string | undefined): Run["pending"] {
  const isOwn = ({ key }: { readonly key: string }): boolean => customer === undefined || key === customer;
  const { decisions, withdrawals } = run.pending;
  run.pending = {
    decisions: decisions.filter((one) => !isOwn(one)),
    withdrawals: withdrawals.filter((one) => !isOwn(one)),
  };
  return { decisions: decisions.filter(isOwn), withdrawals: withdrawals.filter(isOwn) };
}

function contactOf(run: Run, { trackingCode }: ItemRecord) {
  const keys = new Set(run.decisions.map(({ key }) => key));
  for (const key of keys) {
    const found = run.sandbox.state(key)?.contacts.find((contact) => contact.trackingCode === trackingCode);
    if (found !== undefined) return found;
  }
  return undefined;
}
