// Customers who answer what their app, website or adviser shows them, by their hidden appetite.
import type { Api, Offered, OutcomeMessage } from "./api.ts";
import type { Later } from "./later.ts";
import { appetiteFor } from "./personas.ts";
import type { Person } from "./population.ts";
import type { Random } from "./random.ts";
import type { VisitChannel } from "./sessions.ts";
import type { Tally } from "./tally.ts";

export interface Surroundings {
  readonly api: Api;
  readonly random: Random;
  readonly later: Later;
  readonly tally: Tally;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const AT_ONCE_MAX = 32;
const COLLEAGUES = 8;
const DECLINE_REASONS = ["not-interested", "too-expensive", "has-it-elsewhere", "bad-moment"];

/** What the customer makes of one offer: outcomes in order, `presented` left out. */
export function answerTo(random: Random, person: Person, action: string, channel: string): readonly string[] {
  const appetite = appetiteFor(person.persona, action, channel);
  const draw = random.next();
  if (draw < appetite.accept) return channel === "contact-centre" ? ["accepted"] : ["clicked", "accepted"];
  if (draw < appetite.accept + appetite.decline) return ["declined"];
  return random.chance((appetite.click - appetite.accept) / (1 - appetite.accept)) ? ["clicked"] : [];
}

/** The app or the website of a visitor asks for its slot; the visitor answers after a few seconds. */
export function createVisitors({ api, random, later, tally }: Surroundings) {
  let underWay = 0;
  return async (person: Person, channel: VisitChannel): Promise<void> => {
    if (underWay >= AT_ONCE_MAX) return;
    underWay++;
    tally.add("asked");
    const offers = await api.decide(person.id, channel, channel === "app" ? "app-home" : "web-hero", 2);
    underWay--;
    if (offers === undefined) tally.add("askFailures");
    if (offers === undefined || offers.length === 0) return;
    await tell(api, tally, offers, () => ["presented"]);
    later.after(random.between(1_500, 7_000), () => {
      void tell(api, tally, offers, (offer) => answerTo(random, person, offer.action, channel));
    });
  };
}

/** Simulated agents: pick up at once if free, propose what is on their screen, and note the answer. */
export function createColleagues({ api, random, later, tally, now }: Surroundings) {
  let busy = 0;
  const serve = async (person: Person): Promise<void> => {
    const offers = await api.decide(person.id, "contact-centre", "agent-desk", 3);
    if (offers === undefined) tally.add("askFailures");
    if (offers === undefined || offers.length === 0) {
      busy--;
      return;
    }
    await tell(api, tally, offers, () => ["presented"]);
    later.after(random.between(4_000, 12_000), () => {
      busy--;
      const first = offers.slice(0, random.whole(1, Math.min(2, offers.length)));
      void tell(
        api,
        tally,
        first,
        ({ action }) => spoken(random, person, action),
        (outcome) =>
          outcome === "declined"
            ? { reason: random.pick(DECLINE_REASONS) }
            : outcome === "later"
              ? { until: now() + random.whole(1, 14) * 86_400_000 }
              : {},
      );
    });
  };
  return (person: Person): void => {
    if (busy >= COLLEAGUES) return;
    busy++;
    tally.add("asked");
    later.after(random.between(120, 380), () => void serve(person));
  };
}

/** On the phone nobody just clicks: who is not decided is asked again later. */
function spoken(random: Random, person: Person, action: string): readonly string[] {
  const answers = answerTo(random, person, action, "contact-centre");
  return answers.includes("clicked") ? ["later"] : answers;
}

/** Reports the outcomes of some offers in one call, and counts what was taken. */
async function tell(
  api: Api,
  tally: Tally,
  offers: readonly Offered[],
  outcomesOf: (offer: Offered) => readonly string[],
  extraOf: (outcome: string) => Pick<OutcomeMessage, "reason" | "until"> = () => ({}),
): Promise<void> {
  const told = offers.flatMap((offer) => outcomesOf(offer).map((outcome) => ({ offer, outcome })));
  if (told.length === 0) return;
  const messages = told.map(({ offer, outcome }) => ({
    trackingCode: offer.trackingCode,
    outcome,
    ...extraOf(outcome),
  }));
  if (!(await api.report(messages))) {
    tally.add("askFailures");
    return;
  }
  for (const { offer, outcome } of told) tally.outcome(offer.action, outcome);
}
