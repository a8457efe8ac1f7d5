// Values of the engine -> JSON for operators, as wire-inspect.ts declares it: here, and nowhere else, what the holdout withholds.
import type { DecisionRecord } from "../domain/decision.ts";
import type { Past, PastEvent, Simulated } from "../engine.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { presentAnswer, presentDecision, presentSlate } from "./present.ts";
import type { DecisionBody } from "./wire.ts";
import type { CustomerDecisionsBody, CustomerEventsBody, RecordBody, SimulationBody } from "./wire-inspect.ts";

export function presentRecord(record: DecisionRecord): RecordBody {
  return { ...presentDecision(record), ...inside(record) };
}

/** As the ask would be answered, with all that led to it. A tracking code that nobody was given is `simulated.N`. */
export function presentSimulation(
  { record, explanation }: Extract<Simulated, { kind: "simulated" }>,
  rulebook: Rulebook,
): SimulationBody {
  const { decisionId, slates, ...answer } = presentAnswer(record, rulebook);
  const { withheld, ...rest } = inside(record);
  const own = `${decisionId ?? ""}.`;
  return {
    ...answer,
    slates: slates.map((slate) => unnamed(slate, own)),
    ...rest,
    withheld: withheld.map((slate) => unnamed(slate, own)),
    simulated: true,
    explanation: explanation.kind === "explained" ? { ...explanation, decision: "simulated" } : { ...explanation },
  };
}

export function presentDecisions({ found, since }: Past<DecisionRecord>): CustomerDecisionsBody {
  return { decisions: found.map(presentRecord), ...(since === undefined ? {} : { since }) };
}

export function presentEvents({ found, since }: Past<PastEvent>): CustomerEventsBody {
  const events = found.map(({ event: { id, type, ts, source, channel, props }, takenAt }) => ({
    id,
    type,
    ts,
    takenAt,
    source,
    ...(channel === undefined ? {} : { channel }),
    props: Object.fromEntries(
      Object.entries(props).map(([name, value]) => [name, typeof value === "object" ? [...value] : value]),
    ),
  }));
  return { events, ...(since === undefined ? {} : { since }) };
}

function inside(record: DecisionRecord) {
  return {
    rulebook: { hash: record.rulebook },
    models: record.models.map((model) => ({ ...model })),
    arms: record.arms.map((arm) => ({ ...arm })),
    withheld: record.withheld.map(presentSlate),
    ...(record.heldUntil === undefined ? {} : { heldUntil: record.heldUntil }),
    pressure: record.pressure,
    spent: record.spent.map((spent) => ({ ...spent })),
  };
}

type Slate = DecisionBody["slates"][number];

function unnamed<Kind extends Slate>(slate: Kind, own: string): Kind {
  if (slate.kind === "default") return slate;
  const items = slate.items.map((item) =>
    item.trackingCode.startsWith(own)
      ? { ...item, trackingCode: `simulated.${item.trackingCode.slice(own.length)}` }
      : item,
  );
  return { ...slate, items };
}
