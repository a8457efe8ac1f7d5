// What a step of a test does to the sandbox.
import type { Explanation } from "../decide/explain.ts";
import type { DecisionRecord, ItemRecord, Withdrawal } from "../domain/decision.ts";
import type { CustomerKey } from "../domain/ids.ts";
import { type Instant, parseDuration, plus } from "../domain/time.ts";
import { decodeEvent } from "../ingest/decode-event.ts";
import { isRefused } from "../ingest/refused.ts";
import type { Place } from "../rulebook/place.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { Scorer, ScorerModel } from "../score/scorer.ts";
import type { Difference } from "./compare-step.ts";
import type { Happened } from "./lab.ts";
import type { Deed, RuleTest, Step } from "./rule-test.ts";
import type { Sandbox } from "./sandbox.ts";

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

/** A test under way. */
export interface Run {
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

/** Why it was refused; undefined where it was not. */
export async function doDeed(run: Run, customer: string, deed: Deed, step: Step): Promise<string | undefined> {
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
      const props = { trackingCode: item.trackingCode, outcome: deed.outcome };
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

export async function send(
  run: Run,
  customer: string,
  type: string,
  props: object,
  ts: Instant,
): Promise<string | undefined> {
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

export function collect(run: Run, { decisions, withdrawals }: Happened): void {
  run.decisions.push(...decisions);
  run.pending.decisions.push(...decisions);
  run.pending.withdrawals.push(...withdrawals);
}

export function mismatch(run: Run, place: Place, difference: Difference): void {
  run.mismatches.push({ place, ...difference });
}

/** The last item of an action or treatment; `customer` undefined: of anybody. */
export function lastItem(run: Run, name: string, customer: string | undefined): ItemRecord | undefined {
  const isMeant = ({ action, treatment }: ItemRecord): boolean => action === name || treatment === name;
  const own = run.decisions.filter(({ key }) => customer === undefined || key === customer);
  for (const record of own.toReversed()) {
    const item = [...record.slates, ...record.withheld].flatMap(({ items }) => items).find(isMeant);
    if (item !== undefined) return item;
  }
  return undefined;
}
