// A random customer under random policies: weeks of decisions and events, over changes of the clock, in changing time zones.
import { createDecider, type Decider, decide } from "../../engine/decide/decide.ts";
import { recordOf } from "../../engine/decide/record.ts";
import type { Contact, Outcome } from "../../engine/domain/contact.ts";
import { OUTCOMES } from "../../engine/domain/contact.ts";
import type { Decision, DecisionInput } from "../../engine/domain/decision.ts";
import type { CustomerEvent, Props } from "../../engine/domain/event.ts";
import { customerKey, type TrackingCode } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant, MINUTE_MS } from "../../engine/domain/time.ts";
import { applyDecision } from "../../engine/profile/apply-decision.ts";
import { compileLayout, type Layout } from "../../engine/profile/layout.ts";
import { applyDelivered, applyOutcome, fireDue } from "../../engine/profile/outcome.ts";
import { decodeState, type ProfileState } from "../../engine/profile/state.ts";
import { foldState } from "../../engine/profile/state-fold.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import { buildRulebook, inputFor } from "./build.ts";
import { type Chance, createChance } from "./chance.ts";
import { type PolicyDraft, randomPolicies, ZONES } from "./random-policies.ts";
import { changesOf } from "./wall-clock.ts";

/** One decision, with all that was true of the customer before it. */
export interface Step {
  readonly input: DecisionInput;
  readonly decision: Decision;
  /** Every contact ever made, in its present state, before the decision: also what the profile has forgotten. */
  readonly history: readonly Contact[];
}

export interface World {
  readonly draft: PolicyDraft;
  readonly rulebook: Rulebook;
  readonly steps: readonly Step[];
}

const KEY = customerKey("c-1");

/** `breakIt` may put another decider in the place of the right one, to see whether that is found out. */
export function play(
  seed: number,
  decisions: number,
  breakIt: (rulebook: Rulebook) => Rulebook = (same) => same,
): World {
  const chance = createChance(seed);
  const draft = randomPolicies(chance);
  const rulebook = buildRulebook(draft.book);
  const decider = createDecider(breakIt(rulebook));
  const layout = compileLayout([], rulebook.attributes);
  const nobody = decodeState(new Uint8Array(0), layout);
  const home = chance.pick(ZONES);
  let state: ProfileState = chance.is(0.7) ? { ...nobody, attributes: [home, undefined] } : nobody;
  const history = new Map<TrackingCode, Contact>();
  const steps: Step[] = [];
  const isSlow = chance.is(0.4);
  let clock =
    chance.pick([...changesOf(home), Date.UTC(2026, 5, 1)]) - chance.below(isSlow ? 12 * HOUR_MS : 20 * DAY_MS);
  let now = clock as Instant;
  while (steps.length < decisions) {
    clock += isSlow ? chance.below(90 * MINUTE_MS) : jump(chance);
    now = Math.max(now, clock) as Instant;
    for (let events = chance.below(3); events > 0; events--) state = happen(state, layout, chance, now);
    // A timer may come late.
    if (chance.is(0.8)) state = { ...state, contacts: state.contacts.map((contact) => fireDue(contact, now).contact) };
    for (const contact of state.contacts) history.set(contact.trackingCode, contact);
    const input = ask(rulebook, state, chance, now);
    const { decision, next } = decideNext(decider, rulebook, input, state);
    steps.push({ input, decision, history: [...history.values()] });
    state = next;
    for (const contact of state.contacts) history.set(contact.trackingCode, contact);
  }
  return { draft, rulebook, steps };
}

/** Mostly minutes or hours; sometimes days, sometimes nothing, sometimes the clock of the machine is set back. */
function jump(chance: Chance): number {
  const kinds = [
    () => 0,
    () => chance.below(30 * MINUTE_MS),
    () => chance.below(9 * HOUR_MS),
    () => chance.below(2 * DAY_MS),
  ];
  return chance.is(0.04) ? -chance.below(5 * HOUR_MS) : chance.pick(kinds)();
}

function ask(rulebook: Rulebook, state: ProfileState, chance: Chance, now: Instant): DecisionInput {
  const { contacts, consents, openCases, attributes } = state;
  const direction = chance.is(0.6) ? "outbound" : "inbound";
  const usual = direction === "outbound" ? "outreach" : "home";
  return inputFor(rulebook, {
    direction,
    placements: chance.is(0.6) ? [usual] : chance.some(["home", "outreach", "desk"], 2),
    now,
    profile: { key: KEY, contacts, consents, openCases, attributes },
  });
}

function decideNext(decider: Decider, rulebook: Rulebook, input: DecisionInput, state: ProfileState) {
  const decision = decide(decider, input, []);
  const record = recordOf(decider, input, decision, { models: [], degraded: [] });
  return { decision, next: applyDecision(state, record, rulebook).state };
}

function happen(state: ProfileState, layout: Layout, chance: Chance, now: Instant): ProfileState {
  if (chance.is(0.55)) return report(state, chance, now);
  const ts = (now - (chance.is(0.3) ? chance.below(DAY_MS) : 0)) as Instant;
  const event = (type: string, props: Props): CustomerEvent => ({
    id: `e-${chance.below(1e9)}`,
    type,
    key: KEY,
    ts,
    source: "test",
    props,
  });
  const channel = chance.pick(["app", "email", "push"]);
  const events = [
    () =>
      event("contact", {
        channel,
        group: chance.pick(["cards", "loans", "help", "elsewhere"]),
        direction: chance.pick(["inbound", "outbound"]),
      }),
    () =>
      event("consent_update", {
        channel: chance.pick(["*", channel]),
        purpose: chance.pick(["marketing", "service", "security"]),
        granted: chance.is(0.8),
      }),
    () => event("case_opened", { caseId: chance.pick(["k-1", "k-2"]), kind: chance.pick(["complaint", "question"]) }),
    () => event("case_closed", { caseId: chance.pick(["k-1", "k-2"]) }),
  ];
  const moves = [
    () => event("profile_update", { time_zone: chance.pick([...ZONES, "", "Nowhere/Land"]) }),
    () => event("profile_update", { country: chance.pick(["AT", "AU", "ZZ"]) }),
  ];
  return foldState(state, layout, chance.pick(chance.is(0.1) ? moves : events)(), now);
}

/** What a channel or the customer says about one of the contacts. */
function report(state: ProfileState, chance: Chance, now: Instant): ProfileState {
  const told = chance.below(Math.max(1, state.contacts.length));
  const outcome: Outcome = chance.is(0.4) ? chance.pick(["presented", "clicked"]) : chance.pick(OUTCOMES);
  return {
    ...state,
    contacts: state.contacts.map((contact, index) => {
      if (index !== told || contact.shadow) return contact;
      if (chance.is(0.3)) return applyDelivered(contact, now).contact;
      const until = (now + chance.below(5 * DAY_MS)) as Instant;
      const { trackingCode } = contact;
      const report = outcome === "later" ? { trackingCode, outcome, until } : { trackingCode, outcome };
      return applyOutcome(contact, report, now).contact;
    }),
  };
}
