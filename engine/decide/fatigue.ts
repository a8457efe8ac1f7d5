// The pressure that recent contacts put on a customer, and what it leaves of a priority before a hard cap bites.
//
//   pressure of a contact = weight(channel) x (answered ? `answered` : 1) x 2^(-age / halfLife)
//   on a channel          = its own contacts + `otherChannels` x those of all others
//   F                     = 2^(-pressure / halvesAt)
import type { Contact } from "../domain/contact.ts";
import type { ChannelIndex, NameHash } from "../domain/ids.ts";
import { type Instant, LONG_AGO } from "../domain/time.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { orderlySum, recency } from "./recency.ts";

/** Of one customer at a time: `open` starts over. Nothing is worked out where the rulebook declares no fatigue. */
export interface Pressure {
  readonly open: (contacts: readonly Contact[], now: Instant) => void;
  /** Over all channels, >= 0. */
  readonly total: () => number;
  /** F in (0, 1] of what is not exempt, on this channel. */
  readonly leaves: (channel: ChannelIndex) => number;
}

export function createPressure({ fatigue, channels }: Rulebook): Pressure {
  if (fatigue === undefined) return { open: () => {}, total: () => 0, leaves: () => 1 };
  const { halfLifeMs, weights, otherWeight, answered, otherChannels, halvesAt } = fatigue;
  const rowOf = new Map<NameHash, number>(channels.map(({ hash, index }) => [hash, index]));
  // The last row: channels that the rulebook does not have.
  const terms: number[][] = Array.from({ length: channels.length + 1 }, () => []);
  const sums = new Float64Array(terms.length);
  /** By ChannelIndex; NaN until asked for. */
  const left = new Float64Array(channels.length);
  let contacts: readonly Contact[] = [];
  let now = LONG_AGO;
  let isSummed = false;

  function open(ofCustomer: readonly Contact[], at: Instant): void {
    contacts = ofCustomer;
    now = at;
    isSummed = false;
    left.fill(Number.NaN);
  }

  function sum(): void {
    for (const row of terms) row.length = 0;
    for (const { state, exempt, channel, outcome, at } of contacts) {
      if (state === "released" || exempt) continue;
      const row = rowOf.get(channel) ?? channels.length;
      const isAnswered = outcome === "clicked" || outcome === "accepted" || outcome === "converted";
      const weight = (weights[row] ?? otherWeight) * (isAnswered ? answered : 1);
      (terms[row] as number[]).push(weight * recency(at, now, halfLifeMs));
    }
    terms.forEach((row, index) => {
      sums[index] = orderlySum(row);
    });
    isSummed = true;
  }

  function total(): number {
    if (!isSummed) sum();
    let all = 0;
    for (const row of sums) all += row;
    return all;
  }

  function leaves(channel: ChannelIndex): number {
    const known = left[channel] as number;
    if (!Number.isNaN(known)) return known;
    if (!isSummed) sum();
    let others = 0;
    sums.forEach((row, index) => {
      if (index !== channel) others += row;
    });
    const factor = 2 ** (-((sums[channel] as number) + otherChannels * others) / halvesAt);
    left[channel] = factor;
    return factor;
  }

  return { open, total, leaves };
}
