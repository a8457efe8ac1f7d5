// Counts one decision: by placement, action, stage and channel. All slots are looked up when a rulebook is activated, so that
// a decision costs additions only, without a string.
import { CONTACT_STATES } from "../domain/contact.ts";
import { type Decision, type Direction, STAGES } from "../domain/decision.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { Metrics } from "./metrics.ts";
import type { Slot } from "./series.ts";

export type CountDecision = (decision: Decision, direction: Direction) => void;

/** To be made again for each rulebook that is activated. */
export function createDecisionCounter(metrics: Metrics, rulebook: Rulebook): CountDecision {
  const { decisions, actionsSelected, candidatesDropped, contacts } = metrics;
  const bySlate = (["act", "none"] as const).map((kind) =>
    (["inbound", "outbound"] as const).map((direction) =>
      rulebook.placements.map(({ name }) => decisions.slot(kind, direction, name)),
    ),
  );
  const byAction = rulebook.actions.map(({ id }) => actionsSelected.slot(id));
  const byStage = new Map(STAGES.map((stage) => [stage, candidatesDropped.slot(stage)]));
  const byChannel = new Map(
    rulebook.channels.map(({ hash, name }) => [hash, CONTACT_STATES.map((state) => contacts.slot(name, state))]),
  );
  return (decision, direction) => {
    for (const slate of decision.slates) {
      const slots = bySlate[slate.kind === "act" ? 0 : 1]?.[direction === "inbound" ? 0 : 1];
      decisions.add(slots?.[slate.placement] as Slot, 1);
      for (const item of slate.items) actionsSelected.add(byAction[item.action] as Slot, 1);
    }
    for (const drop of decision.dropped) candidatesDropped.add(byStage.get(drop.stage) as Slot, 1);
    if (decision.kind === "none") return;
    for (const contact of decision.contacts) {
      const slot = byChannel.get(contact.channel)?.[CONTACT_STATES.indexOf(contact.state)];
      if (slot !== undefined) contacts.add(slot, 1);
    }
  };
}
