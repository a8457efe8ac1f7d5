// Runs one test of rules in a sandbox of its own.
import type { Explanation } from "../decide/explain.ts";
import type { Outcome } from "../domain/contact.ts";
import type { DecisionRecord, ItemRecord, Withdrawal } from "../domain/decision.ts";
import type { CustomerKey } from "../domain/ids.ts";
import { type Instant, MINUTE_MS, parseDuration, plus } from "../domain/time.ts";
import { decodeEvent } from "../ingest/decode-event.ts";
import { isRefused } from "../ingest/refused.ts";
import type { Place } from "../rulebook/place.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { Scorer, ScorerModel } from "../score/scorer.ts";
import { activeRulebookOf } from "./active-rulebook-of.ts";
import { compareStep, type Difference } from "./compare-step.ts";
import { createGivenScorer } from "./given-scorer.ts";
import type { Deed, GivenCustomer, RuleTest, Step } from "./rule-test.ts";
import { createSandbox, type Happened, type Sandbox } from "./sandbox.ts";

export interface RuleTestBook {
  readonly rulebook: Rulebook;
  /** In the order of ModelIndex. */
  readonly models: readonly ScorerModel[];
  /** Answers where the test gives no output. */
  readonly real: Scorer | undefined;
}

export interface Mismatch extends Difference {
  readonly place: Place;
}

export interface RuleTestResult {
  readonly mismatches: readonly Mismatch[];
  /** Every decision of the test. */
  readonly decisions: readonly DecisionRecord[];
  /** Policies and rules that dropped something. */
  readonly hit: ReadonlySet<string>;
}

interface Run {
  readonly test: RuleTest;
  readonly book: RuleTestBook;
  readonly sandbox: Sandbox;
  /** Outputs of models that a step set, by customer. */
  readonly models: Map<string, Readonly<Record<string, number>>>;
  readonly mismatches: Mismatch[];
  readonly decisions: DecisionRecord[];
  readonly hit: Set<string>;
  readonly explained: Map<string, Explanation>;
  /** What no line of its customer has looked at yet. */
  pending: { decisions: DecisionRecord[]; withdrawals: Withdrawal[] };
  events: number;
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
  for (const difference of compareStep(step.expected, seen)) mismatch(run, step.expected.place, difference);
}

function mismatch(run: Run, place: Place, difference: Difference): void {
  run.mismatches.push({ place, ...difference });
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

/** Why it was refused; undefined where it was not. */
async function doDeed(run: Run, customer: string, deed: Deed, step: Step): Promise<string | undefined> {
  const { sandbox, test } = run;
  switch (deed.kind) {
    case "wait":
      return undefined;
    case "event": {
      const ts = happenedAt(test, deed.happened, sandbox.now());
      return ts === undefined ? `"@${deed.happened}" is no time` : await send(run, customer, deed.type, deed.props, ts);
    }
    case "ask": {
      const channel = deed.channel ?? onlyChannel(run.book.rulebook, deed.placements[0]?.name);
      if (channel === undefined) return "the placement has several channels: say on which";
      const { placements, context, locale } = deed;
      const ask = { key: customer as CustomerKey, channel, placements, context };
      const answer = await sandbox.ask(locale === undefined ? ask : { ...ask, locale });
      if (answer.kind === "refused") return answer.why;
      collect(run, answer);
      return undefined;
    }
    case "outcome": {
      const item = lastItem(run, deed.of, customer);
      if (item === undefined) return `"${deed.of}" was not offered to ${customer} so far`;
      const until = deed.until === undefined ? undefined : momentOf(test, deed.until, sandbox.now());
      const props = { trackingCode: item.trackingCode, outcome: deed.outcome as Outcome };
      const more = {
        ...(deed.reason === undefined ? {} : { reason: deed.reason }),
        ...(until === undefined ? {} : { until }),
      };
      return await send(run, customer, "outcome", { ...props, ...more }, sandbox.now());
    }
    case "delivered": {
      const item = lastItem(run, deed.of, customer);
      if (item === undefined) return `"${deed.of}" was not offered to ${customer} so far`;
      collect(run, await sandbox.deliver(customer as CustomerKey, item.trackingCode));
      return undefined;
    }
    case "models": {
      const unknown = Object.keys(deed.models).find((name) => !run.book.models.some((model) => model.name === name));
      if (unknown !== undefined) mismatch(run, step.place, { expected: "a model of the rulebook", got: unknown });
      run.models.set(customer, { ...run.models.get(customer), ...deed.models });
      return undefined;
    }
  }
}

async function send(run: Run, customer: string, type: string, props: object, ts: Instant): Promise<string | undefined> {
  const anonymous = /^anon:(.+)$/.exec(customer)?.[1];
  const { anonymousId, ...others } = props as { readonly anonymousId?: string };
  const whose =
    anonymous !== undefined
      ? { anonymousId: anonymous }
      : { customer, ...(type === "identify" && anonymousId !== undefined ? { anonymousId } : {}) };
  const own = type === "identify" ? others : props;
  const event = decodeEvent({ id: `e-${++run.events}`, type, ...whose, ts, props: own }, "clickstream");
  if (isRefused(event)) return `${event.pointer} ${event.detail}`.trimStart();
  const happened = await run.sandbox.send(event);
  collect(run, happened);
  return happened.dead[0]?.detail;
}

function happenedAt(test: RuleTest, happened: string | undefined, now: Instant): Instant | undefined {
  return happened === undefined ? now : momentOf(test, happened, now);
}

/** `08:30` of today, `-2h`, `+3d`, `2026-03-05` or milliseconds. */
function momentOf({ clock }: RuleTest, written: string, now: Instant): Instant | undefined {
  const ms = parseDuration(written.replace(/^[+-]/, ""));
  if (ms !== undefined) return plus(now, written.startsWith("-") ? -ms : ms);
  if (/^\d{4}-\d{2}-\d{2}$/.test(written)) return clock.instant(written, "00:00");
  return clock.instant(clock.date(now), written);
}

function onlyChannel({ placements, channels }: Rulebook, name: string | undefined): string | undefined {
  const found = placements.find((placement) => placement.name === name)?.channels ?? [];
  return found.length > 1 ? undefined : channels[found[0] ?? 0]?.name;
}

function collect(run: Run, { decisions, withdrawals }: Happened): void {
  run.decisions.push(...decisions);
  run.pending.decisions.push(...decisions);
  run.pending.withdrawals.push(...withdrawals);
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

function lastItem(run: Run, name: string, customer: string | undefined): ItemRecord | undefined {
  const isMeant = ({ action, treatment }: ItemRecord): boolean => action === name || treatment === name;
  const own = run.decisions.filter(({ key }) => customer === undefined || key === customer);
  for (const record of own.toReversed()) {
    const item = [...record.slates, ...record.withheld].flatMap(({ items }) => items).find(isMeant);
    if (item !== undefined) return item;
  }
  return undefined;
}

function contactOf(run: Run, { trackingCode }: ItemRecord) {
  const keys = new Set(run.decisions.map(({ key }) => key));
  for (const key of keys) {
    const found = run.sandbox.state(key)?.contacts.find((contact) => contact.trackingCode === trackingCode);
    if (found !== undefined) return found;
  }
  return undefined;
}
