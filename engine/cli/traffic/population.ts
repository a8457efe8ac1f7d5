import type { Persona } from "./personas.ts";
import { PERSONA_SPECS, PERSONAS } from "./personas.ts";
import type { Random } from "./random.ts";

/** One simulated customer. `balance` and `quiet` change as time goes by. */
export interface Person {
  readonly id: string;
  readonly persona: Persona;
  readonly attributes: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  readonly hasApp: boolean;
  readonly salary: number;
  balance: number;
  /** Left in a churn wave: does nothing any more. */
  quiet: boolean;
}

const FIRST_NAMES = (
  "Ada Aiko Amara Amir Ana Anders Anya Ayo Bea Bruno Carla Chen Clara Dario Dina Elif Emil Emma Esra Eva Farah Felix " +
  "Finn Gita Hana Hugo Ida Igor Ines Ivan Jana Jonas Juan Kai Karin Kofi Lara Leon Lina Luca Maja Malik Marta Mateo " +
  "Mila Mina Nadia Nils Noor Nora Olga Omar Oscar Paula Petra Priya Rafa Rosa Sami Sara Sofia Tariq Tess Tomas Vera Yara Yuki Zoe"
).split(" ");
const COUNTRIES = { DE: 5, FR: 4, ES: 3, IT: 3, PT: 2, NL: 2, AT: 1 };
/** Chance that a persona holds a product besides the current account. */
const PRODUCTS: Readonly<Record<string, Readonly<Record<Persona, number>>>> = {
  savings: { saver: 0.7, shopper: 0.25, traveller: 0.45, struggling: 0.05, leaving: 0.2, newcomer: 0.05 },
  "credit-card": { saver: 0.4, shopper: 0.65, traveller: 0.75, struggling: 0.5, leaving: 0.35, newcomer: 0.1 },
  loan: { saver: 0.05, shopper: 0.12, traveller: 0.08, struggling: 0.4, leaving: 0.1, newcomer: 0.02 },
  "travel-insurance": { saver: 0.3, shopper: 0.12, traveller: 0.3, struggling: 0.05, leaving: 0.12, newcomer: 0.01 },
  "premium-account": { saver: 0.3, shopper: 0.05, traveller: 0.15, struggling: 0.01, leaving: 0.05, newcomer: 0.01 },
};

/** Customers c-1 .. c-`count`. */
export function createPopulation(random: Random, count: number): readonly Person[] {
  const shares = Object.fromEntries(PERSONAS.map((persona) => [persona, PERSONA_SPECS[persona].share])) as Record<
    Persona,
    number
  >;
  return Array.from({ length: count }, (_, index) => createPerson(random, `c-${index + 1}`, random.weighted(shares)));
}

function createPerson(random: Random, id: string, persona: Persona): Person {
  const spec = PERSONA_SPECS[persona];
  const balance = Math.round(random.between(...spec.balance) * 100) / 100;
  const hasApp = random.chance(persona === "leaving" ? 0.55 : 0.82);
  const owned = Object.keys(PRODUCTS).filter((product) => random.chance(PRODUCTS[product]?.[persona] ?? 0));
  const salary = Math.round(random.between(1_400, 4_800));
  const hasCard = owned.includes("credit-card");
  return {
    id,
    persona,
    hasApp,
    salary,
    balance,
    quiet: false,
    attributes: {
      first_name: random.pick(FIRST_NAMES),
      segment: random.weighted(spec.segments),
      age: persona === "newcomer" ? random.whole(18, 34) : random.whole(21, 78),
      country: random.weighted(COUNTRIES),
      tenure_months: random.whole(...spec.tenureMonths),
      products: ["current-account", ...owned],
      credit_limit: hasCard ? random.whole(5, 60) * 100 : 0,
      arrears: random.chance(spec.arrears),
      balance,
      has_app: hasApp,
      locale: "en",
    },
  };
}
