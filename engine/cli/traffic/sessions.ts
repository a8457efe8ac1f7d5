// What a customer does in one visit: a short list of events with the time between them.
import type { SessionKind } from "./personas.ts";
import { PERSONA_SPECS } from "./personas.ts";
import type { Person } from "./population.ts";
import type { Random } from "./random.ts";

export type Props = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export interface Step {
  /** Since the step before. */
  readonly afterMs: number;
  readonly stream: "clickstream" | "transactions";
  readonly type: string;
  readonly props: Props;
  /** At this step the app or the website asks for its slot. */
  readonly asks?: boolean;
}

export type VisitChannel = "app" | "web";

const ITEMS_MAX = 400;
export const MERCHANTS = ["grocer", "pharmacy", "books", "electronics", "fashion", "fuel", "restaurant", "flowers"];
const COMPLAINTS = ["card_dispute", "fee", "transfer_delay", "service"];

/** The steps of one visit. Changes the person's balance. */
export function visit(random: Random, person: Person, kind: SessionKind, channel: VisitChannel): readonly Step[] {
  const start: Step[] =
    channel === "app"
      ? [step(0, "login", { method: "biometric" }), { ...view(random, "home"), asks: true }]
      : [{ ...view(random, "home"), afterMs: 0, asks: true }];
  return [...start, ...VISITS[kind](random, person)];
}

const VISITS: Readonly<Record<SessionKind, (random: Random, person: Person) => readonly Step[]>> = {
  look: (random) => views(random, ["accounts", "cards", "payments"], 1, 4),
  shop: shopping,
  bank: (random, person) => [
    ...views(random, ["accounts", "payments"], 1, 3),
    ...(random.chance(0.5) ? transfer(random, person, random.between(20, 400)) : []),
    ...(random.chance(0.04) ? transfer(random, person, random.between(2_500, 9_000)) : []),
  ],
  salary: (random, person) => {
    person.balance += person.salary;
    return [
      money(random, "salary_received", { amount: person.salary, currency: "EUR" }),
      balanceOf(random, person),
      ...views(random, ["accounts"], 1, 2),
    ];
  },
  travel: (random, person) => [
    ...views(random, ["travel"], 2, 6),
    ...(random.chance(0.35) ? purchase(random, person, "travel", 2.5) : []),
  ],
  loans: (random) => views(random, ["loans"], 2, 5),
  support: (random) => views(random, ["support"], 2, 4),
  declines: (random, person) => declines(random, person),
  complaint: (random) => [
    ...views(random, ["support"], 1, 3),
    step(random.between(2_000, 9_000), "complaint", { about: random.pick(COMPLAINTS) }),
  ],
  closure: (random) => [
    ...views(random, ["fees", "support"], 1, 3),
    step(random.between(1_500, 6_000), "account_closure_viewed", { section: "closing" }),
  ],
};

/** One to three declined card payments, a few seconds apart. */
export function declines(random: Random, person: Person): readonly Step[] {
  const count = random.weighted({ one: 2, two: 4, three: 2 });
  return Array.from({ length: count === "one" ? 1 : count === "two" ? 2 : 3 }, () =>
    money(random, "card_declined", {
      amount: cents(random.between(...PERSONA_SPECS[person.persona].basket)),
      currency: "EUR",
      reason: person.balance < 100 ? "insufficient_funds" : "limit",
      merchant: random.pick(MERCHANTS),
    }),
  );
}

export function views(random: Random, sections: readonly string[], low: number, high: number): readonly Step[] {
  return Array.from({ length: random.whole(low, high) }, () => view(random, random.pick(sections)));
}

function shopping(random: Random, person: Person): readonly Step[] {
  const item = someItem(random);
  const looked = Array.from({ length: random.whole(2, 7) }, (_, index) =>
    step(think(random), "page_view", { section: "shop", item: index === 0 ? item : someItem(random) }),
  );
  const liked = random.chance(0.3) ? [step(think(random), "add_to_favourites", { item })] : [];
  if (!random.chance(0.55)) return [...looked, ...liked];
  const carted = [...looked, ...liked, step(think(random), "add_to_cart", { item })];
  if (random.chance(0.35))
    return [
      ...carted,
      step(random.between(3_000, 12_000), "checkout_abandoned", { item, amount: cents(random.between(20, 200)) }),
    ];
  return [...carted, ...purchase(random, person, item, 1)];
}

function purchase(random: Random, person: Person, item: string, times: number): readonly Step[] {
  const amount = cents(random.between(...PERSONA_SPECS[person.persona].basket) * times);
  person.balance -= amount;
  return [bought(random, amount, item), balanceOf(random, person)];
}

function transfer(random: Random, person: Person, wanted: number): readonly Step[] {
  const amount = cents(Math.min(wanted, Math.max(5, person.balance * 0.6)));
  person.balance -= amount;
  return [money(random, "transfer_out", { amount, currency: "EUR" }), balanceOf(random, person)];
}

export function someItem(random: Random): string {
  return `i-${random.whole(1, ITEMS_MAX)}`;
}

export function bought(random: Random, amount: number, item: string): Step {
  return money(random, "purchase", { amount: cents(amount), currency: "EUR", item });
}

function balanceOf(random: Random, person: Person): Step {
  return { ...money(random, "balance_changed", { balance: cents(person.balance) }), afterMs: 200 };
}

export function view(random: Random, section: string): Step {
  return step(think(random), "page_view", { section });
}

export function step(afterMs: number, type: string, props: Props): Step {
  return { afterMs: Math.round(afterMs), stream: "clickstream", type, props };
}

export function money(random: Random, type: string, props: Props): Step {
  return { afterMs: Math.round(think(random)), stream: "transactions", type, props };
}

/** Time between two clicks. */
function think(random: Random): number {
  return random.between(600, 4_500);
}

function cents(value: number): number {
  return Math.round(value * 100) / 100;
}
