// How many customers each run of a campaign was decided for: counted from the decisions themselves, so exact across kills.
import type { DecisionRecord } from "../domain/decision.ts";
import { CAMPAIGN_SOURCE } from "../profile/held.ts";
import type { CampaignCounts } from "./partition.ts";

/** A message that was held is another decision for the same customer: it does not count as asked again. */
export function countDecisions(counts: CampaignCounts, decisions: readonly DecisionRecord[]): void {
  for (const { trigger, kind } of decisions) {
    if (trigger?.source !== CAMPAIGN_SOURCE) continue;
    const { asked, acted } = counts.get(trigger.event) ?? { asked: 0, acted: 0 };
    counts.set(trigger.event, {
      asked: asked + (trigger.hold?.again === true ? 0 : 1),
      acted: acted + (kind === "act" ? 1 : 0),
    });
  }
}
