// The turn of one customer in the run of a campaign: once, however often its entry is in the log.
import type { LogEntry } from "../domain/event.ts";
import { nameHash } from "../domain/hash.ts";
import type { Instant } from "../domain/time.ts";
import type { CampaignTurn } from "../observe/metrics.ts";
import { CAMPAIGNS_KEPT_MAX } from "../profile/bounds.ts";
import { CAMPAIGN_SOURCE } from "../profile/held.ts";
import { askAt, momentOf } from "./ask-at.ts";
import { type Partition, touch } from "./partition.ts";

/** Names one run: a campaign whose start is moved runs again. */
export function runOf(campaign: string, from: number): string {
  return `${campaign}/${from}`;
}

/** `over`: the campaign has ended, or the rulebook does not have it any more. */
export function foldCampaign(partition: Partition, entry: Extract<LogEntry, { kind: "campaign" }>): CampaignTurn {
  const { key } = entry;
  const { store, active } = partition;
  const campaign = active.rulebook.campaigns.find(({ id, from }) => id === entry.campaign && from === entry.from);
  // Redis' clock may be behind the engine's that found it begun.
  const at = Math.max(entry.arrivedAt, entry.from) as Instant;
  if (campaign === undefined || at >= campaign.to) return "over";
  const run = runOf(campaign.id, campaign.from);
  const hash = nameHash("campaign", run);
  const state = store.state(key);
  if (state.sealedTo !== undefined) return "joined";
  if (state.campaigns.some((turn) => turn.campaign === hash)) return "repeated";
  const campaigns = [...state.campaigns, { campaign: hash, at }].slice(-CAMPAIGNS_KEPT_MAX);
  store.setState(key, { ...state, campaigns });
  touch(partition, key);
  const moment = momentOf(partition, key, at, entry.position);
  const cause = { source: CAMPAIGN_SOURCE, event: run, at, context: {} };
  return askAt(moment, campaign, cause) ? "asked" : "not-in-segment";
}
