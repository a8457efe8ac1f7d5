// The partitions that this process holds just now. They come and go between two steps only: what is lost in the middle of
// one is marked, nothing of it is sent any more, and it is out of the list before the next step.
import type { PartitionIndex, Position } from "../domain/ids.ts";
import { comparePositions } from "../domain/ids.ts";
import type { Partition } from "./partition.ts";

export interface Holdings {
  /** Those in the step, in no order that means anything. The same array all along. */
  readonly partitions: readonly Partition[];
  /** Undefined where another process owns it, or nobody. */
  readonly owned: (index: PartitionIndex) => Partition | undefined;
  /** May be asked: it has folded what its log held when it was taken, is not in doubt, and not about to be given back. */
  readonly isOpen: (index: PartitionIndex) => boolean;
  /** It is in doubt: nothing of it may be sent or told any more. Only the first time counts. */
  readonly lose: (partition: Partition, why: string) => void;
  readonly isLost: (partition: Partition) => boolean;
  /** Nothing more of its log is folded; when all of it is stored it is given back. */
  readonly isLeaving: (partition: Partition) => boolean;
}

/** What is found of its log when a partition is taken must be folded before it answers: a log that was long, though, is not waited for. */
export interface CatchUp {
  /** New entries of its log come at once. */
  readonly isRead: () => boolean;
  readonly end: Position;
  /** Milliseconds since 1970: from then on it answers as it is. */
  readonly giveUpAt: number;
}

/** For those who let partitions in and out, between steps. */
export interface HeldPartitions extends Holdings {
  readonly join: (partition: Partition, catchUp: CatchUp) => void;
  readonly leave: (partition: Partition) => void;
  readonly remove: (partition: Partition) => void;
  /** Lost since this was last called, and why. */
  readonly takeLost: () => ReadonlyMap<Partition, string>;
}

export function createHoldings(clock: () => number, onLost: () => void): HeldPartitions {
  const partitions: Partition[] = [];
  const byIndex = new Map<PartitionIndex, Partition>();
  const catchingUp = new Map<Partition, CatchUp>();
  const leaving = new WeakSet<Partition>();
  const lost = new WeakSet<Partition>();
  let untaken = new Map<Partition, string>();
  const isCaughtUp = (partition: Partition): boolean => {
    const catchUp = catchingUp.get(partition);
    if (catchUp === undefined) return true;
    const isFolded = comparePositions(partition.position, catchUp.end) >= 0 && catchUp.isRead();
    const isThere = isFolded || clock() > catchUp.giveUpAt;
    if (isThere) catchingUp.delete(partition);
    return isThere;
  };
  return {
    partitions,
    owned: (index) => byIndex.get(index),
    isOpen: (index) => {
      const partition = byIndex.get(index);
      return partition !== undefined && !lost.has(partition) && !leaving.has(partition) && isCaughtUp(partition);
    },
    lose: (partition, why) => {
      if (lost.has(partition)) return;
      lost.add(partition);
      untaken.set(partition, why);
      onLost();
    },
    isLost: (partition) => lost.has(partition),
    isLeaving: (partition) => leaving.has(partition),
    join: (partition, catchUp) => {
      partitions.push(partition);
      byIndex.set(partition.index, partition);
      catchingUp.set(partition, catchUp);
    },
    leave: (partition) => void leaving.add(partition),
    remove: (partition) => {
      const at = partitions.indexOf(partition);
      if (at < 0) return;
      partitions.splice(at, 1);
      byIndex.delete(partition.index);
      catchingUp.delete(partition);
    },
    takeLost: () => {
      const taken = untaken;
      untaken = new Map();
      return taken;
    },
  };
}
