// How far the campaigns of a rulebook have come, over all partitions, as their walkers wrote it down.
import type { PartitionIndex } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { CampaignProgress } from "../engine.ts";
import { createRegister, type Walk } from "../journal/register.ts";
import { runOf } from "./fold-campaign.ts";
import { activeOf, timeHere } from "./present.ts";
import type { Session } from "./session.ts";

export async function campaignProgress(session: Session, clock: () => number): Promise<readonly CampaignProgress[]> {
  const { campaigns, placements } = activeOf(session).rulebook;
  if (campaigns.length === 0) return [];
  const register = createRegister(session.connection);
  const indexes = Array.from({ length: session.context.partitions }, (_, index) => index as PartitionIndex);
  const stored = await Promise.all(indexes.map((index) => register.walks(index)));
  const now = timeHere(session, clock);
  return campaigns.map(({ id, placement, from, to, perSecond }) => {
    const walks = stored.flatMap((walksOfOne) => walksOfOne.get(runOf(id, from)) ?? []);
    const sum = (of: (walk: Walk) => number): number => walks.reduce((total, walk) => total + of(walk), 0);
    const isDone = walks.length === indexes.length && walks.every((walk) => walk.isDone);
    return {
      id,
      placement: placements[placement]?.name ?? "",
      from,
      to,
      perSecond,
      state: stateOf(now, from, to, isDone),
      customers: sum(({ total }) => total),
      walked: sum(({ walked }) => walked),
      asked: sum(({ asked }) => asked),
      acted: sum(({ acted }) => acted),
    };
  });
}

function stateOf(now: Instant, from: Instant, to: Instant, isDone: boolean): CampaignProgress["state"] {
  if (now < from) return "waiting";
  if (isDone) return "done";
  return now < to ? "running" : "over";
}
