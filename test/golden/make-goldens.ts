// Makes test/golden/decisions.ndjson anew: 500 decisions of 60 customers over some weeks of spring 2026, in which clocks are
// put forward in Europe and back on Lord Howe Island. By hand, and only where decisions were meant to change:
//
//   npm run build && node dist/test/golden/make-goldens.js
//
// Then say what changed, and why, under "Decisions changed" in CHANGELOG.md.
import { writeFileSync } from "node:fs";
import { createRandom, type Random } from "../../engine/cli/traffic/random.ts";
import type { Decider } from "../../engine/decide/decide.ts";
import { variantOf } from "../../engine/decide/experiments.ts";
import { recordOf } from "../../engine/decide/record.ts";
import { replay } from "../../engine/decide/replay.ts";
import type { Contact, Outcome } from "../../engine/domain/contact.ts";
import type {
  Consent,
  DecisionInput,
  DecisionRecord,
  DecisionRequest,
  OpenCase,
} from "../../engine/domain/decision.ts";
import { drawOf } from "../../engine/domain/hash.ts";
import { type CustomerKey, customerKey, type DecisionId, type ModelIndex } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant, MINUTE_MS, plus } from "../../engine/domain/time.ts";
import { applyDecision } from "../../engine/profile/apply-decision.ts";
import { compileLayout } from "../../engine/profile/layout.ts";
import { applyOutcome, type ContactStep, fireDue } from "../../engine/profile/outcome.ts";
import { decodeState, type ProfileState } from "../../engine/profile/state.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import { decidersOf, GOLDEN_FILE, goldenRulebook, saying, writeGolden } from "./golden-file.ts";

const SEED = 20_260_320;
const CUSTOMERS = 60;
const DECISIONS = 500;
const START = Date.UTC(2026, 2, 26, 7) as Instant;
const SPANS = [MINUTE_MS, 4 * MINUTE_MS, HOUR_MS, 5 * HOUR_MS, DAY_MS, 2 * DAY_MS, 4 * DAY_MS];
const ANSWERS: readonly Outcome[] = [
  "presented",
  "presented",
  "clicked",
  "accepted",
  "declined",
  "later",
  "not-delivered",
];
const ZONES = ["Europe/Vienna", "Australia/Lord_Howe", "America/New_York", "Atlantis/Poseidonis"];
const COUNTRIES = ["AT", "PT", "AU", "XX"];
const LEFT = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 12.5, 2, 1, 0];

interface Person {
  readonly key: CustomerKey;
  now: Instant;
  state: ProfileState;
}

interface World {
  readonly random: Random;
  readonly rulebook: Rulebook;
  readonly deciders: ReadonlyMap<string, Decider>;
  readonly trials: Float64Array;
  readonly positives: Float64Array;
}

const rulebook = await goldenRulebook();
const world: World = {
  random: createRandom(SEED),
  rulebook,
  deciders: decidersOf(rulebook),
  trials: new Float64Array(rulebook.treatments.length),
  positives: new Float64Array(rulebook.treatments.length),
};
const people = Array.from({ length: CUSTOMERS }, (_, n) => newPerson(world, n));
const lines: string[] = [];
for (let n = 0; n < DECISIONS; n++) {
  const person = people[n % CUSTOMERS] as Person;
  person.now = plus(person.now, world.random.pick(SPANS) + Math.floor(world.random.next() * MINUTE_MS));
  liveOn(world, person);
  const record = decideFor(world, person, n);
  person.state = applyDecision(person.state, record, rulebook).state;
  lines.push(writeGolden({ says: saying(record), record }));
}
writeFileSync(GOLDEN_FILE, `${lines.join("\n")}\n`);

function newPerson({ random, rulebook: rules }: World, n: number): Person {
  const layout = compileLayout(rules.features, rules.attributes);
  const values: Readonly<Record<string, string | number | readonly string[] | undefined>> = {
    first_name: random.chance(0.8) ? random.pick(["Ana", "Zoë", "O'Hara <b>", "Li\nWei"]) : undefined,
    age: random.chance(0.9) ? 16 + Math.floor(random.next() * 60) : undefined,
    country: random.chance(0.7) ? random.pick(COUNTRIES) : undefined,
    time_zone: random.chance(0.6) ? random.pick(ZONES) : undefined,
    products: random.chance(0.7) ? random.pick([["giro"], ["giro", "travel"], []]) : undefined,
  };
  const consents: Consent[] = [];
  for (const channel of ["email", "push", "*"]) {
    if (random.chance(0.5)) consents.push({ channel, purpose: "marketing", granted: random.chance(0.8), ts: START });
  }
  const state = {
    ...decodeState(new Uint8Array(0), layout),
    attributes: rules.attributes.map(({ name }) => values[name]),
    consents,
  };
  return { key: customerKey(n % 7 === 6 ? `anon:d-${n}` : `c-${n}`), now: plus(START, n * 11 * MINUTE_MS), state };
}

/** What timers and the customer's own answers did since the last decision. */
function liveOn({ random, rulebook: rules, trials, positives }: World, person: Person): void {
  const learn = ({ contact, trials: tried, positives: positive }: ContactStep): Contact => {
    const treatment = rules.treatments.find(({ hash }) => hash === contact.treatment);
    if (treatment !== undefined) {
      trials[treatment.index] = (trials[treatment.index] as number) + tried;
      positives[treatment.index] = (positives[treatment.index] as number) + positive;
    }
    return contact;
  };
  const contacts = person.state.contacts.map((contact) => {
    const isAnswered = contact.outcome !== "pending" || random.chance(0.4);
    const at = plus(contact.at, 30_000);
    if (isAnswered || at > person.now) return learn(fireDue(contact, person.now));
    const report = { trackingCode: contact.trackingCode, outcome: random.pick(ANSWERS), until: plus(at, DAY_MS) };
    return learn(fireDue(learn(applyOutcome(contact, report, at)), person.now));
  });
  const openCases: OpenCase[] = random.chance(0.08) ? [{ caseId: "k-1", kind: "complaint", openedAt: person.now }] : [];
  person.state = { ...person.state, contacts, openCases };
}

function decideFor(
  { random, rulebook: rules, deciders, trials, positives }: World,
  person: Person,
  n: number,
): DecisionRecord {
  const variant = variantOf(rules, person.key, person.now);
  const own = variant === undefined ? rules : (rules.variants.get(variant) as Rulebook);
  const decider = deciders.get(own.hash) as Decider;
  const id = `G${String(n).padStart(21, "0")}` as DecisionId;
  const { attributes, contacts, consents, openCases } = person.state;
  const input: DecisionInput = {
    id,
    profile: { key: person.key, features: featuresOf(random), attributes, contacts, consents, openCases },
    request: requestOf(rules, random),
    evidence: { trials, positives },
    quotas: Float64Array.from(rules.quotas, () => random.pick(LEFT)),
    now: person.now,
    draw: drawOf(id),
  };
  const qualified = decider.qualify(input);
  const scores = rules.models.map(({ index }) => ({ model: index, ...scoreOf(random) }));
  const asked = scores.filter(({ model }) => qualified.needsModels.includes(model));
  const decision = decider.choose(input, qualified, asked);
  const models = asked.map(({ model, ...score }) => ({ name: nameOf(rules, model), sha256: `of ${model}`, ...score }));
  const record = recordOf(decider, input, decision, { models, degraded: [] });
  const { differences } = replay(decider, record);
  if (differences.length > 0) throw new Error(`${id} is not computed again: ${differences.join("; ")}`);
  return record;
}

function featuresOf(random: Random): Float64Array {
  const [buys, spend, visits, loans] = [20, 2_500, 15, 3].map((most) => Math.floor(random.next() ** 2 * most));
  return Float64Array.of(buys ?? 0, random.chance(0.05) ? Number.NaN : (spend ?? 0) + 0.25, visits ?? 0, loans ?? 0);
}

function scoreOf(random: Random): { readonly value: number; readonly fallback: boolean } {
  return { value: Math.round(random.next() * 1_000) / 1_000, fallback: random.chance(0.05) };
}

function requestOf(rules: Rulebook, random: Random): DecisionRequest {
  const asked = (...names: readonly string[]) =>
    names.map((name) => {
      const { index, slots } = rules.placements.find(
        (placement) => placement.name === name,
      ) as Rulebook["placements"][number];
      return { placement: index, limit: random.chance(0.8) ? slots : 1 };
    });
  const base = { context: {}, locale: random.pick(["en", "de-AT", "fr"]) };
  if (random.chance(0.4)) {
    const trigger = random.pick(["bought", "looked", "silent", "spring"]);
    return { ...base, direction: "outbound", placements: asked("outreach"), trigger };
  }
  const placements = random.pick([["home"], ["hero"], ["hero", "home"], ["counter"], ["home", "counter"]]);
  return { ...base, direction: "inbound", placements: asked(...placements) };
}

function nameOf(rules: Rulebook, model: ModelIndex): string {
  return rules.models[model]?.name ?? "";
}
