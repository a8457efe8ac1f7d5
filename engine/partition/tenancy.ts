import type { PartitionIndex } from "../domain/ids.ts";
import type { LoopState } from "./decision-loop.ts";
import type { Inbox } from "./inbox.ts";
import type { Neighbours } from "./neighbours.ts";
import type { Partition } from "./partition.ts";
import type { Session } from "./session.ts";
import type { TakenPartition } from "./take-partition.ts";

/** The others look at the register so often: what was given back is not without an owner for longer. */
export const BEAT_MS_MAX = 200;

/** What the moves of a tenure work on. */
export interface Tenancy {
  readonly state: LoopState;
  readonly session: Session;
  readonly inbox: Inbox;
  readonly neighbours: Neighbours;
  /** Being acquired or recovered. */
  readonly taking: Set<PartitionIndex>;
  arrivals: TakenPartition[];
  readonly leaving: Set<Partition>;
  /** Leaving, and nothing of it is left to be committed. */
  readonly stored: Set<Partition>;
  /** On their way back to Redis. */
  readonly handing: Set<Promise<void>>;
  isGiving: boolean;
}
