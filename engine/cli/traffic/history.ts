// What the customers did before the demo began, so that features and models have something to read.
import { DAY_MS, HOUR_MS } from "../../domain/time.ts";
import type { Persona } from "./personas.ts";
import { PERSONA_SPECS } from "./personas.ts";
import type { Person } from "./population.ts";
import type { Random } from "./random.ts";
import { bought, MERCHANTS, money, type Step, someItem, step, view } from "./sessions.ts";

export interface PastStep extends Step {
  /** Before the start. */
  readonly beforeMs: number;
}

/** Older than this, an event is only history to the engine: it asks for no decision any more. */
const NEWEST_MS = 2 * HOUR_MS;
const RECENT_MS = 6 * DAY_MS;
const MONTH_MS = 28 * DAY_MS;

/** Pages of the last days: how many at most, and of what. */
const INTERESTS: Readonly<Record<Persona, { readonly section: string; readonly views: readonly [number, number] }>> = {
  saver: { section: "savings", views: [0, 3] },
  shopper: { section: "shop", views: [2, 7] },
  traveller: { section: "travel", views: [1, 5] },
  struggling: { section: "loans", views: [1, 4] },
  leaving: { section: "support", views: [1, 4] },
  newcomer: { section: "support", views: [0, 3] },
};

/** Oldest first, at most `spanMs` back and never before the customer joined. */
export function history(random: Random, person: Person, spanMs: number): readonly PastStep[] {
  const spec = PERSONA_SPECS[person.persona];
  const tenureMs = Number(person.attributes["tenure_months"]) * 30 * DAY_MS;
  const reach = Math.max(DAY_MS, Math.min(spanMs, tenureMs));
  const past: PastStep[] = [];
  const add = (count: number, oldest: number, newest: number, make: () => Step): void => {
    const from = Math.min(newest, reach / 2);
    for (let left = count; left > 0; left--)
      past.push({ ...make(), beforeMs: Math.floor(random.between(from, Math.min(oldest, reach))) });
  };
  const isLeaving = person.persona === "leaving";
  // Those who leave bought long ago: the last half is already silent.
  add(random.whole(...spec.purchases), reach, isLeaving ? reach / 2 : NEWEST_MS, () =>
    bought(random, random.between(...spec.basket), random.pick(MERCHANTS)),
  );
  add(isLeaving ? random.whole(0, 2) : random.whole(2, 14), MONTH_MS, NEWEST_MS, () =>
    step(0, "login", { method: "biometric" }),
  );
  const { section, views } = INTERESTS[person.persona];
  add(random.whole(...views), RECENT_MS, NEWEST_MS, () =>
    section === "shop" ? step(0, "page_view", { section, item: someItem(random) }) : view(random, section),
  );
  if (person.persona === "shopper")
    add(random.whole(0, 2), RECENT_MS, NEWEST_MS, () => step(0, "add_to_favourites", { item: someItem(random) }));
  if (person.persona !== "newcomer" && !isLeaving) past.push(...salaries(random, person, reach));
  return past.sort((a, b) => b.beforeMs - a.beforeMs);
}

/** One a month, on the same day. */
function salaries(random: Random, person: Person, reach: number): readonly PastStep[] {
  const last = random.between(NEWEST_MS, MONTH_MS);
  const paid: PastStep[] = [];
  for (let beforeMs = last; beforeMs < reach; beforeMs += 30 * DAY_MS) {
    const salary = money(random, "salary_received", { amount: person.salary, currency: "EUR" });
    paid.push({ ...salary, beforeMs: Math.floor(beforeMs) });
  }
  return paid;
}
