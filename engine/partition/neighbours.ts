// The live engines as the register last told, and the beat that tells them of this one.
import type { PartitionIndex } from "../domain/ids.ts";
import type { EngineEntry, EngineRegister } from "../journal/engines.ts";

export interface Neighbours {
  /** As last seen, this one among them; empty before the first beat. */
  readonly all: () => readonly EngineEntry[];
  /** host:port of another engine that says it owns the partition. */
  readonly addressOf: (index: PartitionIndex) => string | undefined;
  /** Tells and looks, soon again where one is under way: what has changed since goes with the next one. Rejects as commands do. */
  readonly beat: () => Promise<void>;
  /** Beats from now on, so often. */
  readonly start: (everyMs: number, onFailed: (why: string) => void) => void;
  /** Nothing is held here any more: says so, and from now on only looks who owns what. */
  readonly leave: () => void;
  readonly stop: () => void;
}

export interface NeighboursOptions {
  readonly register: EngineRegister;
  readonly id: string;
  readonly owned: () => Iterable<PartitionIndex>;
  readonly onSeen: () => void;
  /** An engine that runs no more, for certain: what it said of itself last counts no more. */
  readonly isGone: (id: string) => boolean;
}

export function createNeighbours({ register, id, owned, onSeen, isGone }: NeighboursOptions): Neighbours {
  let engines: readonly EngineEntry[] = [];
  let beating: Promise<void> | undefined;
  let isWanted = false;
  let isLeaving = false;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  const run = async (): Promise<void> => {
    while (isWanted && !isStopped) {
      isWanted = false;
      const alive = await (isLeaving ? register.leave() : register.beat(owned()));
      engines = alive.filter((engine) => !isGone(engine.id));
      onSeen();
    }
  };
  const beat = (): Promise<void> => {
    isWanted = true;
    beating ??= run().finally(() => {
      beating = undefined;
    });
    return beating;
  };
  return {
    all: () => engines,
    addressOf: (index) => engines.find((engine) => engine.id !== id && engine.owned.has(index))?.address,
    beat,
    start: (everyMs, onFailed) => {
      timer = setInterval(() => {
        beat().catch((error: Error) => {
          if (!isStopped) onFailed(error.message);
        });
      }, everyMs);
    },
    leave: () => {
      if (isLeaving) return;
      isLeaving = true;
      beat().catch(() => undefined); // the next beat tells
    },
    stop: () => {
      isStopped = true;
      clearInterval(timer);
    },
  };
}
