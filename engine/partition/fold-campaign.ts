// The turn of one customer in the run of a campaign: once, however often its entry is in the log.
import type { LogEntry } from "../domain/event.ts";
import { nameHash } from "../domain/hash.ts";
import { CAMPAIGNS_KEPT_MAX } from "../profile/bounds.ts";
import { CAMPAIGN_SOURCE } from "../profile/held.ts";
import { askAt, momentOf } from "./ask-at.ts";
import { type Partition, touch } from "./partition.ts";

/** What became of a turn. Closed set: metric labels. `over`: the campaign has ended or is gone. */
export const TURNS = ["asked", "not-in-segment", "repeated", "over"] as const;
export type Turn = (typeof TURNS)[number];

/** Names one run: a campaign whose start is moved runs again. */
export function runOf(campaign: string, from: number): string {
  return `${campaign}/${from}`;
}

export function foldCampaign(partition: Partition, entry: Extract<LogEntry, { kind: "campaign" }>): Turn {
  const { key, arrivedAt } = entry;
  const { store, active } = partition;
  const campaign = active.rulebook.campaigns.find(({ id, from }) => id === entry.campaign && from === entry.from);
  if (campaign === undefined || arrivedAt < campaign.from || arrivedAt >= campaign.to) return "over";
  const run = runOf(campaign.id, campaign.from);
  const hash = nameHash("campaign", run);
  const state = store.state(key);
  if (state.campaigns.some((turn) => turn.campaign === hash)) return "repeated";
  const campaigns = [...state.campaigns, { campaign: hash, at: arrivedAt }].slice(-CAMPAIGNS_KEPT_MAX);
  store.setState(key, { ...state, campaigns });
  touch(partition, key);
  const moment = momentOf(partition, key, arrivedAt, entry.position);
  const cause = { source: CAMPAIGN_SOURCE, event: run, at: arrivedAt, context: {} };
  return askAt(moment, campaign, cause) ? "asked" : "not-in-segment";
}
