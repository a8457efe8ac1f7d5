// Commits as the journal would hold them, for tests of what the outside makes of them.
import type { DecisionRecord, Direction, ItemRecord, Withdrawal } from "../../engine/domain/decision.ts";
import type { CommitSeq, DecisionId, PartitionIndex, RulebookHash } from "../../engine/domain/ids.ts";
import { customerKey, trackingCode } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import type { Committed } from "../../engine/engine.ts";

export function decisionId(number: number): DecisionId {
  return String(number).padStart(22, "0") as DecisionId;
}

export interface Offer {
  readonly customer: string;
  readonly channel: string;
  readonly direction?: Direction;
  readonly items?: number;
  readonly kept?: boolean;
}

export function record(id: DecisionId, offer: Offer): DecisionRecord {
  const items = Array.from({ length: offer.items ?? 1 }, (_, ordinal): ItemRecord => {
    const factors = {
      raw: Number.NaN,
      propensity: 0.25,
      context: 1,
      value: 8,
      lever: 1,
      boost: 1,
      fatigue: 1,
      priority: 2 - ordinal,
    };
    return {
      action: `action-${ordinal}`,
      treatment: `action-${ordinal}:${offer.channel}`,
      channel: offer.channel,
      rank: ordinal + 1,
      trackingCode: trackingCode(id, ordinal),
      kept: offer.kept ?? false,
      factors,
      content: { title: `Title ${ordinal}`, script: "Say", talkingPoints: ["one", "two"] },
      reasons: ["because"],
      expiresAt: 2_000 as Instant,
    };
  });
  const direction = offer.direction ?? "outbound";
  return {
    id,
    key: customerKey(offer.customer),
    kind: items.length > 0 ? "act" : "none",
    direction,
    slates: [{ placement: "desk", kind: items.length > 0 ? "act" : "none", items }],
    now: 1_000 as Instant,
    rulebook: "a".repeat(64) as RulebookHash,
    models: [],
    degraded: [],
    contacts: [],
    superseded: [],
    input: {
      profile: {
        key: customerKey(offer.customer),
        features: new Float64Array(0),
        attributes: [],
        contacts: [],
        consents: [],
        openCases: [],
      },
      request: { direction, placements: [], context: {}, locale: "en" },
      evidence: [],
      quotas: [],
      draw: 0,
    },
    withheld: [],
    arms: [],
    spent: [],
    pressure: 0,
    droppedDigest: "",
  };
}

export function commit(seq: number, offers: readonly Offer[], withdrawals: readonly Withdrawal[] = []): Committed {
  return {
    partition: 0 as PartitionIndex,
    seq: seq as CommitSeq,
    decisions: offers.map((offer, index) => record(decisionId(seq * 100 + index), offer)),
    withdrawals,
  };
}
