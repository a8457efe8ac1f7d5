import { DAY_MS } from "../../domain/time.ts";
import { history } from "./history.ts";
import type { Person } from "./population.ts";
import { createRandom } from "./random.ts";

import { bareStep, eventOf, type TrafficEvent } from "./traffic-event.ts";

/** The engine refuses what is more than 90 days old. */
const HISTORY_MS = 85 * DAY_MS;
const REFUSES_MARKETING = 0.12;

/** What is known before the start, each customer's oldest first: attributes, consents, purchases and logins of 85 days. */
export function openingEvents(seed: number, start: number, people: readonly Person[]): readonly TrafficEvent[] {
  const random = createRandom(seed ^ 0x0be61);
  const numbering = { prefix: `${start.toString(36)}-o`, next: 0 };
  const out: TrafficEvent[] = [];
  for (const person of people) {
    const at = start - HISTORY_MS;
    out.push(eventOf(numbering, at, person, bareStep("profile_update", person.attributes), {}));
    for (const channel of ["push", "email"]) {
      if (!random.chance(REFUSES_MARKETING)) continue;
      const refusal = bareStep("consent_update", { channel, purpose: "marketing", granted: false });
      out.push(eventOf(numbering, at, person, refusal, {}));
    }
    for (const past of history(random, person, HISTORY_MS))
      out.push(eventOf(numbering, start - past.beforeMs, person, past, {}));
  }
  return out;
}
