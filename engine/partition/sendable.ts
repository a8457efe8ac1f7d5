// May a message that has waited for its gateway still be sent? Asked between two steps, and told once the commit of that step
// is acknowledged, as looks are. What lies in memory answers: no model is asked, nothing is read from the journal.
import { quietForMessage } from "../decide/quiet-hours.ts";
import type { CustomerKey, PartitionIndex, TrackingCode } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { LoopState } from "./decision-loop.ts";
import type { NotDelivered } from "./not-delivered.ts";
import type { Partition } from "./partition.ts";
import { nowOf } from "./recover.ts";
import type { ServedQueue, Waiting } from "./served-queue.ts";
import type { Session } from "./session.ts";
import { Unavailable } from "./trouble.ts";
import { deciding } from "./wave.ts";

export type Sendable =
  | { readonly kind: "send" }
  | { readonly kind: "not"; readonly why: NotDelivered }
  /** Its key was joined to this customer, who has the contact now. */
  | { readonly kind: "moved"; readonly to: CustomerKey };

interface Wanted {
  readonly partition: PartitionIndex;
  readonly key: CustomerKey;
  readonly code: TrackingCode;
}

export type WaitingSendable = Waiting<Wanted, Sendable>;
export type SendableQueue = ServedQueue<Wanted, Sendable>;

/** Follows a key that was joined. A customer of another engine's is not asked about: what waited so long is not sent. */
export async function sendable(state: LoopState, key: CustomerKey, code: TrackingCode): Promise<Sendable> {
  const { partitions } = state.options;
  if (state.session === undefined) throw new Unavailable(state.why);
  const found = await state.sendables.add({ partition: partitionOf(key, partitions), key, code });
  if (found.kind !== "moved") return found;
  const partition = partitionOf(found.to, partitions);
  if (state.session?.owned(partition) === undefined) return { kind: "not", why: "withdrawn" };
  return await state.sendables.add({ partition, key: found.to, code });
}

/** Judges now; what it returns tells those who wait, to be called once the commit of this step is acknowledged. */
export function judgeAll(waiting: readonly WaitingSendable[], session: Session, clock: () => number): () => void {
  const verdicts = waiting.map(({ partition: index, key, code }) => {
    const partition = session.owned(index);
    return partition === undefined ? undefined : judge(partition, key, code, clock);
  });
  return () => {
    for (const [at, { resolve, reject }] of waiting.entries()) {
      const verdict = verdicts[at];
      if (verdict === undefined) reject(new Unavailable("the partition has gone to another engine"));
      else resolve(verdict);
    }
  };
}

function judge(partition: Partition, key: CustomerKey, code: TrackingCode, clock: () => number): Sendable {
  const { contacts, attributes, sealedTo } = partition.store.state(key);
  const contact = contacts.find(({ trackingCode }) => trackingCode === code);
  if (contact === undefined) {
    return sealedTo === undefined ? { kind: "not", why: "withdrawn" } : { kind: "moved", to: sealedTo };
  }
  const now = nowOf(partition, clock);
  const isReserved = contact.state === "reserved";
  if (contact.expiresAt <= now || (isReserved && contact.reservedUntil <= now)) return { kind: "not", why: "too-old" };
  if (!contact.live || contact.state === "released") return { kind: "not", why: "withdrawn" };
  const { rulebook } = deciding(partition.active, key, now);
  const isQuiet = quietForMessage(rulebook, contact, attributes, now) !== undefined;
  return isQuiet ? { kind: "not", why: "quiet-hours" } : { kind: "send" };
}
