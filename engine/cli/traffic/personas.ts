// Kinds of customers, and what the engine cannot see: what they do, and how likely each is to say yes to what.
import { hashText } from "../../domain/hash.ts";

export const PERSONAS = ["saver", "shopper", "traveller", "struggling", "leaving", "newcomer"] as const;
export type Persona = (typeof PERSONAS)[number];

export type SessionKind =
  | "look"
  | "shop"
  | "bank"
  | "salary"
  | "travel"
  | "loans"
  | "support"
  | "declines"
  | "complaint"
  | "closure";

interface PersonaSpec {
  /** Share of the population. */
  readonly share: number;
  /** How often they come, relative to the others. */
  readonly activity: number;
  readonly sessions: Readonly<Record<SessionKind, number>>;
  /** Purchases in the 85 days before the start. */
  readonly purchases: readonly [number, number];
  readonly basket: readonly [number, number];
  readonly balance: readonly [number, number];
  readonly tenureMonths: readonly [number, number];
  readonly arrears: number;
  readonly segments: Readonly<Record<string, number>>;
}

const usual = {
  look: 5,
  shop: 3,
  bank: 3,
  salary: 1.5,
  travel: 1,
  loans: 0.8,
  support: 0.7,
  declines: 0.3,
  complaint: 0.1,
  closure: 0.03,
};

export const PERSONA_SPECS: Readonly<Record<Persona, PersonaSpec>> = {
  saver: {
    share: 0.24,
    activity: 0.8,
    sessions: { ...usual, shop: 1.2, bank: 5, salary: 2.2 },
    purchases: [3, 9],
    basket: [15, 90],
    balance: [6_000, 60_000],
    tenureMonths: [24, 220],
    arrears: 0,
    segments: { mass: 2, affluent: 3, premium: 1 },
  },
  shopper: {
    share: 0.28,
    activity: 1.5,
    sessions: { ...usual, shop: 9 },
    purchases: [10, 26],
    basket: [12, 180],
    balance: [600, 9_000],
    tenureMonths: [6, 120],
    arrears: 0.02,
    segments: { mass: 5, affluent: 1 },
  },
  traveller: {
    share: 0.14,
    activity: 1,
    sessions: { ...usual, travel: 6, shop: 2 },
    purchases: [6, 16],
    basket: [30, 520],
    balance: [3_000, 40_000],
    tenureMonths: [12, 160],
    arrears: 0.01,
    segments: { mass: 2, affluent: 3, premium: 1 },
  },
  struggling: {
    share: 0.16,
    activity: 1.1,
    sessions: { ...usual, loans: 4, declines: 3, support: 1.5, shop: 1 },
    purchases: [5, 14],
    basket: [5, 60],
    balance: [-400, 700],
    tenureMonths: [6, 120],
    arrears: 0.35,
    segments: { mass: 5, student: 1 },
  },
  leaving: {
    share: 0.08,
    activity: 0.5,
    sessions: { ...usual, support: 3, complaint: 1, closure: 0.8, bank: 4, shop: 0.3 },
    purchases: [0, 3],
    basket: [10, 80],
    balance: [200, 8_000],
    tenureMonths: [18, 200],
    arrears: 0.05,
    segments: { mass: 3, affluent: 1 },
  },
  newcomer: {
    share: 0.1,
    activity: 1.2,
    sessions: { ...usual, look: 8, support: 1.5, shop: 2 },
    purchases: [0, 4],
    basket: [8, 90],
    balance: [50, 3_000],
    tenureMonths: [0, 3],
    arrears: 0,
    segments: { mass: 2, student: 3 },
  },
};

/** What becomes of one offer. The three are exclusive: no answer is the rest. */
export interface Appetite {
  readonly accept: number;
  readonly decline: number;
  /** Looked at closer, whatever is answered then. */
  readonly click: number;
}

/** How welcome the demo's actions are, on average. Not what the rulebook believes: the engine has to find out. */
const WELCOME: Readonly<Record<string, number>> = {
  "help-declined-card": 0.5,
  "resolve-complaint": 0.42,
  "check-large-transfer": 0.36,
  "show-help-centre": 0.12,
  "finish-checkout": 0.24,
  "favourite-deal": 0.13,
  "pay-later": 0.07,
  "savings-plan": 0.12,
  "travel-insurance": 0.09,
  "get-the-app": 0.2,
  "switch-salary": 0.1,
  "first-purchase": 0.16,
  "retention-call": 0.24,
  "fee-free-year": 0.4,
  "shop-cashback": 0.2,
  "raise-credit-limit": 0.16,
  "personal-loan": 0.05,
  "premium-account": 0.06,
};

/** What an action is about, by words in its id, and who likes that. 1 is an average appetite. */
const LIKES: readonly { readonly words: readonly string[]; readonly by: Readonly<Record<Persona, number>> }[] = [
  {
    words: ["sav", "deposit", "invest", "round"],
    by: { saver: 2.2, shopper: 0.6, traveller: 0.9, struggling: 0.3, leaving: 0.4, newcomer: 0.9 },
  },
  {
    words: ["shop", "cart", "checkout", "pay-later", "cashback", "voucher", "favourite", "instal"],
    by: { saver: 0.7, shopper: 2.1, traveller: 0.9, struggling: 0.9, leaving: 0.5, newcomer: 1.1 },
  },
  {
    words: ["travel", "insur", "fx", "abroad"],
    by: { saver: 0.7, shopper: 0.7, traveller: 2.6, struggling: 0.3, leaving: 0.4, newcomer: 0.6 },
  },
  {
    words: ["loan", "credit", "limit", "overdraft", "premium", "gold"],
    by: { saver: 0.5, shopper: 1.1, traveller: 1.2, struggling: 1.9, leaving: 0.4, newcomer: 0.6 },
  },
  {
    words: ["fee", "loyal", "stay", "retention", "adviser", "advisor", "win"],
    by: { saver: 1.2, shopper: 1.1, traveller: 1.1, struggling: 1.2, leaving: 1.5, newcomer: 0.8 },
  },
  {
    words: ["help", "card", "payment", "complain", "arrear", "plan", "fraud", "check"],
    by: { saver: 1, shopper: 1, traveller: 1, struggling: 1.8, leaving: 1, newcomer: 1.1 },
  },
  {
    words: ["app", "welcome", "first", "setup", "onboard", "salary", "document"],
    by: { saver: 0.8, shopper: 0.9, traveller: 0.9, struggling: 0.9, leaving: 0.4, newcomer: 2.2 },
  },
];

const CHANNEL_LIFT: Readonly<Record<string, number>> = {
  "contact-centre": 1.7,
  app: 1,
  web: 0.7,
  push: 0.8,
  email: 0.45,
};

/**
 * Hidden propensity of a persona for an action in a channel. An action that the demo does not know has a base between
 * 4 % and 30 %, hashed from its id: acceptance differs by action whatever the rulebook calls them.
 */
export function appetiteFor(persona: Persona, action: string, channel: string): Appetite {
  const [word, other] = hashText(`appetite/${action}`, 7) as unknown as [number, number];
  const base = WELCOME[action] ?? 0.04 + 0.26 * (word / 4294967296) ** 1.5;
  const liking = LIKES.find(({ words }) => words.some((part) => action.includes(part)))?.by[persona] ?? 1;
  const accept = Math.min(0.85, base * liking * (CHANNEL_LIFT[channel] ?? 0.8));
  const decline = (1 - accept) * (0.12 + 0.2 * (other / 4294967296));
  return { accept, decline, click: Math.min(0.95, accept + 0.15) };
}
