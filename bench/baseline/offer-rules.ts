// The offers as rules of json-rules-engine. Cheap things first: the cap and consent are looked at before any rule runs, and
// only the rules of channels that may be used are in the engine that is asked.
import { Engine } from "json-rules-engine";
import { type Offer, OUTREACH_MAX } from "../load/bank-rules.ts";
import { type Attributes, type Customer, contactsOfLastWeek } from "./customer.ts";

export type Direction = "inbound" | "outbound";

export interface Propensities {
  readonly churn: number;
  readonly propensity: number;
}

export interface Choice {
  readonly offer: string;
  readonly priority: number;
}

export interface OfferRules {
  /** Without a cap that is reached: only then are models worth asking. */
  readonly mayContact: (customer: Customer, direction: Direction, now: number) => boolean;
  /** Best first, at most `limit` of them. */
  readonly choose: (
    attributes: Attributes,
    features: Readonly<Record<string, number>>,
    scores: Propensities,
    direction: Direction,
    limit: number,
  ) => Promise<readonly Choice[]>;
}

export function createOfferRules(offers: readonly Offer[]): OfferRules {
  const engines = {
    inbound: engineOf(offers),
    outbound: engineOf(offers.filter(({ channel }) => channel !== "sms")),
  };
  const byId = new Map(offers.map((offer) => [offer.id, offer]));
  return {
    mayContact: (customer, direction, now) =>
      direction === "inbound" || contactsOfLastWeek(customer, now) < OUTREACH_MAX,
    choose: async (attributes, features, scores, direction, limit) => {
      const { events } = await engines[direction].run({ ...attributes, ...features });
      const choices = events.map(({ type }): Choice => {
        const { mean, base, churn, propensity } = byId.get(type) as Offer;
        return { offer: type, priority: mean * (base + churn * scores.churn + propensity * scores.propensity) };
      });
      return choices.sort((a, b) => b.priority - a.priority).slice(0, limit);
    },
  };
}

function engineOf(offers: readonly Offer[]): Engine {
  const engine = new Engine([], { allowUndefinedFacts: true });
  for (const { id, ageMin, tenureMin, feature, relation, bound } of offers) {
    const operator = relation === ">=" ? "greaterThanInclusive" : "lessThanInclusive";
    engine.addRule({
      conditions: {
        all: [
          { fact: "age", operator: "greaterThanInclusive", value: ageMin },
          { fact: "tenure_months", operator: "greaterThanInclusive", value: tenureMin },
          { fact: feature, operator, value: bound },
          { fact: "arrears", operator: "equal", value: false },
        ],
      },
      event: { type: id },
    });
  }
  return engine;
}
