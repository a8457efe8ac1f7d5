// The leases of this process: taken, renewed while it lives, given back. A lease that was not renewed in time may be another's
// by now; what is written is fenced by its token, what is only read is told after the lease was confirmed.
import type { PartitionIndex } from "../domain/ids.ts";
import type { Acquired, Journal } from "../journal/journal.ts";

export interface Lease {
  readonly index: PartitionIndex;
  readonly token: string;
}

export interface Leases {
  /** Of partitions whose lease this process has, recovered or not. */
  readonly indexes: () => Iterable<PartitionIndex>;
  readonly has: (index: PartitionIndex) => boolean;
  /** Is it still the lease under which this was taken? */
  readonly isCurrent: (lease: Lease) => boolean;
  /** Rejects as commands do. */
  readonly acquire: (index: PartitionIndex) => Promise<Acquired>;
  /** Not renewed any more: it runs out, or is taken anew. */
  readonly drop: (lease: Lease) => void;
  readonly dropIndex: (index: PartitionIndex) => void;
  /** Never rejects: where Redis does not answer it runs out. */
  readonly giveBack: (lease: Lease) => Promise<void>;
  /** Is the partition this process' own at this moment? Asks Redis only where the last renewal was too long ago. */
  readonly confirm: (lease: Lease) => Promise<boolean>;
  readonly close: () => void;
}

export interface LeasesOptions {
  readonly journal: Pick<Journal, "acquire" | "renew">;
  readonly leaseMs: number;
  readonly onLost: (lease: Lease, why: string) => void;
}

interface Held extends Lease {
  /** By performance.now(): nobody else can have taken it before. */
  sureUntil: number;
}

export function createLeases({ journal, leaseMs, onLost }: LeasesOptions): Leases {
  const held = new Map<PartitionIndex, Held>();
  const isCurrent = ({ index, token }: Lease): boolean => held.get(index)?.token === token;
  const drop = (lease: Lease): void => {
    if (isCurrent(lease)) held.delete(lease.index);
  };
  const renew = async (lease: Held): Promise<boolean> => {
    const sentAt = performance.now();
    const isKept = await journal.renew(lease.index, lease.token, leaseMs);
    if (isKept) lease.sureUntil = sentAt + leaseMs;
    return isKept;
  };
  const renewOrTell = async (lease: Held): Promise<void> => {
    const kept = await renew(lease).catch((error: Error) => error.message);
    if (kept === true || !isCurrent(lease)) return;
    drop(lease);
    onLost(lease, kept === false ? "another engine has taken it" : kept);
  };
  const renewal = setInterval(() => {
    for (const lease of held.values()) void renewOrTell(lease);
  }, leaseMs / 4);
  return {
    indexes: () => held.keys(),
    has: (index) => held.has(index),
    isCurrent,
    acquire: async (index) => {
      const sentAt = performance.now();
      const acquired = await journal.acquire(index);
      if (acquired.kind === "acquired") held.set(index, { index, token: acquired.token, sureUntil: sentAt + leaseMs });
      return acquired;
    },
    drop,
    dropIndex: (index) => void held.delete(index),
    giveBack: async (lease) => {
      await journal.renew(lease.index, lease.token, 0).catch(() => false);
      drop(lease);
    },
    confirm: async ({ index, token }) => {
      const lease = held.get(index);
      if (lease?.token !== token) return false;
      return performance.now() < lease.sureUntil || (await renew(lease));
    },
    close: () => clearInterval(renewal),
  };
}
