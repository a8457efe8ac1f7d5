// Whose turn it is in which campaign, and when: over the customers known as it begins, in order of key, at its pace.
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import { type Instant, plus, SECOND_MS } from "../domain/time.ts";
import { runOf } from "../partition/fold-campaign.ts";
import type { Campaign } from "../rulebook/triggers.ts";

export interface CampaignTurn {
  readonly partition: PartitionIndex;
  readonly key: CustomerKey;
  readonly campaign: string;
  readonly from: Instant;
}

export interface CampaignTurns {
  /** When the next turn is, at `now` or later; undefined where there is none by `to`. */
  readonly next: (campaigns: readonly Campaign[], now: Instant, to: Instant) => Instant | undefined;
  /** Those due by `now`; each is told once. */
  readonly take: (campaigns: readonly Campaign[], now: Instant) => readonly CampaignTurn[];
}

interface Run {
  readonly customers: readonly { readonly partition: PartitionIndex; readonly key: CustomerKey }[];
  readonly begunAt: Instant;
  taken: number;
}

/** `known`: who is known now. */
export function createCampaignTurns(known: () => Run["customers"]): CampaignTurns {
  const runs = new Map<string, Run>();
  const nextOf = (campaign: Campaign, now: Instant): Instant | undefined => {
    const run = runs.get(runOf(campaign.id, campaign.from));
    if (run !== undefined && run.taken >= run.customers.length) return undefined;
    const at = run === undefined ? campaign.from : turnAt(run, campaign);
    const due = Math.max(at, now) as Instant;
    return due < campaign.to ? due : undefined;
  };
  return {
    next: (campaigns, now, to) => {
      const turns = campaigns.flatMap((campaign) => nextOf(campaign, now) ?? []).filter((at) => at <= to);
      return turns.length === 0 ? undefined : (Math.min(...turns) as Instant);
    },
    take: (campaigns, now) =>
      campaigns.flatMap((campaign) => {
        const { id, from, to } = campaign;
        if (now < from || now >= to) return [];
        const run = runs.get(runOf(id, from)) ?? { customers: known(), begunAt: now, taken: 0 };
        runs.set(runOf(id, from), run);
        const turns: CampaignTurn[] = [];
        for (let next = run.customers[run.taken]; next !== undefined; next = run.customers[run.taken]) {
          if (turnAt(run, campaign) > now) break;
          turns.push({ ...next, campaign: id, from });
          run.taken++;
        }
        return turns;
      }),
  };
}

function turnAt({ begunAt, taken }: Run, { perSecond }: Campaign): Instant {
  return plus(begunAt, Math.ceil((taken * SECOND_MS) / perSecond));
}
