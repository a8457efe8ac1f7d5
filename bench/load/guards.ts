// What is guarded against growing slow: pure work of the engine beside plain work on the same values, as a ratio of CPU times.
// Both are measured in turn in the same process, so that neither the machine nor its load matters much.
import { parse } from "yaml";
import { createRandom } from "../../engine/cli/traffic/random.ts";
import { decide } from "../../engine/decide/decide.ts";
import { recordOf } from "../../engine/decide/record.ts";
import type { DecisionRequest } from "../../engine/domain/decision.ts";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import { customerKey, type PlacementIndex, type Position } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { decodeEventBytes } from "../../engine/ingest/decode-event.ts";
import { encodeCommit } from "../../engine/journal/commit-record.ts";
import { createProfileStore } from "../../engine/profile/store.ts";
import { bankFiles, drawOffers, type Offer } from "./bank-rules.ts";
import { compileRules, deliveredFiles, type Rules } from "./delivered-rules.ts";
import { makeBatch } from "./events.ts";
import { makeInputs } from "./profiles.ts";

/** Each call does one piece of work, on other values than the last; what it returns keeps it from being optimised away. */
export interface Guard {
  readonly name: string;
  readonly engine: () => number;
  readonly peer: () => number;
}

const ACTIONS = 100;
const VALUES = 65_536;
const NOW = Date.UTC(2026, 5, 1) as Instant;

export async function createGuards(): Promise<readonly Guard[]> {
  const offers = drawOffers(ACTIONS, 1);
  const files = bankFiles(offers, await deliveredFiles());
  const rules = compileRules(files);
  const texts = Object.values(files);
  return [
    ...decideAndEncode(rules, offers),
    decode(),
    features(rules),
    {
      name: "rulebook",
      engine: () => compileRules(files).rulebook.actions.length,
      peer: () => texts.reduce((sum, text) => sum + Object.keys(parse(text) as object).length, 0),
    },
  ];
}

/** Beside a loop over the same conditions that finds the best; beside JSON of the same record. */
function decideAndEncode(rules: Rules, offers: readonly Offer[]): readonly Guard[] {
  const placement = rules.rulebook.placements.findIndex(({ name }) => name === "outreach") as PlacementIndex;
  const request: DecisionRequest = {
    direction: "outbound",
    placements: [{ placement, limit: 1 }],
    context: {},
    locale: "en",
  };
  const inputs = makeInputs(rules, { count: VALUES, seed: 5, contacts: 5, now: NOW, request });
  const scores = rules.rulebook.models.map(({ index }) => ({ model: index, value: 0.4, fallback: false }));
  const nextInput = inTurn(inputs);
  const best = bestByHand(rules, offers);
  const records = inputs
    .slice(0, 1_024)
    .map((input) => recordOf(rules.decider, input, decide(rules.decider, input, scores), { models: [], degraded: [] }));
  const nextRecord = inTurn(records);
  const commitOf = () => ({
    position: "1-0" as Position,
    now: NOW,
    decisions: [nextRecord()],
    withdrawals: [],
    learned: [],
  });
  return [
    {
      name: "decide",
      engine: () => decide(rules.decider, nextInput(), scores).slates.length,
      peer: () => {
        const { features, attributes } = nextInput().profile;
        return best(features, attributes);
      },
    },
    {
      name: "encode",
      engine: () => encodeCommit(commitOf()).length,
      peer: () => Buffer.from(JSON.stringify(commitOf())).length,
    },
  ];
}

function bestByHand({ rulebook }: Rules, offers: readonly Offer[]) {
  const feature = offers.map((offer) => rulebook.features.findIndex(({ name }) => name === offer.feature));
  const attribute = (name: string): number => rulebook.attributes.findIndex((known) => known.name === name);
  const [age, tenure, arrears] = [attribute("age"), attribute("tenure_months"), attribute("arrears")];
  return (features: Float64Array, attributes: readonly unknown[]): number => {
    let best = -1;
    let most = -1;
    if (attributes[arrears] !== false) return best;
    for (let index = 0; index < offers.length; index++) {
      const offer = offers[index] as Offer;
      if (offer.channel === "sms") continue;
      if ((attributes[age] as number) < offer.ageMin || (attributes[tenure] as number) < offer.tenureMin) continue;
      const value = features[feature[index] as number] as number;
      if (offer.relation === ">=" ? value < offer.bound : value > offer.bound) continue;
      const priority = offer.mean * (offer.base + offer.churn * 0.4 + offer.propensity * 0.4);
      if (priority <= most) continue;
      best = index;
      most = priority;
    }
    return best;
  };
}

/** Beside JSON.parse. */
function decode(): Guard {
  const next = inTurn(eventsAsBytes());
  return {
    name: "decode",
    engine: () => ("id" in decodeEventBytes(next(), "clickstream") ? 1 : Number.NaN),
    peer: () => Object.keys(JSON.parse(next().toString()) as object).length,
  };
}

/** One event into all features, beside finding the customer's row and thirty additions to it. */
function features({ layout }: Rules): Guard {
  const store = createProfileStore({ layout });
  const events = eventsAsBytes().map((bytes) => decodeEventBytes(bytes, "clickstream") as CustomerEvent);
  const rows = new Map<string, Float64Array>();
  const random = createRandom(9);
  for (const { key } of events) {
    if (!store.has(key)) store.load(key, undefined);
    rows.set(key, new Float64Array(30));
  }
  const next = inTurn(events.toSorted((a, b) => a.ts - b.ts));
  const amount = random.next();
  return {
    name: "features",
    engine: () => {
      const event = next();
      store.fold(event.key, event, event.ts);
      return 1;
    },
    peer: () => {
      const row = rows.get(customerKey(next().key)) as Float64Array;
      for (let index = 0; index < row.length; index++) row[index] = (row[index] as number) + amount;
      return row[0] as number;
    },
  };
}

function eventsAsBytes(): readonly Buffer[] {
  return makeBatch("guard", VALUES, 2_000, 7).events.map(({ json }) => Buffer.from(json));
}

function inTurn<T>(values: readonly T[]): () => T {
  let at = 0;
  return () => values[at++ % values.length] as T;
}
