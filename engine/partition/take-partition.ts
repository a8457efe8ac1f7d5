// From a lease to a partition that the loop can take in: recovered, and with everything settled that its last owner, or this
// process when it held it before, left open.
import type { PartitionIndex } from "../domain/ids.ts";
import type { Acquired } from "../journal/journal.ts";
import { publishMissed, settleOrphans } from "./after-session.ts";
import type { LoopState } from "./decision-loop.ts";
import type { CatchUp } from "./holdings.ts";
import type { Partition } from "./partition.ts";
import { readApart } from "./read-apart.ts";
import { recoverPartition } from "./recover.ts";
import type { Session } from "./session.ts";

export interface TakenPartition {
  readonly partition: Partition;
  readonly catchUp: Omit<CatchUp, "isRead">;
}

/** A profile that is late by this is better than no answer after a long absence. */
const CATCH_UP_MS_MAX = 5_000;

/** Rejects where Redis is in trouble, and where what it holds of this partition cannot be put together. */
export async function takePartition(
  state: LoopState,
  session: Session,
  index: PartitionIndex,
  acquired: Extract<Acquired, { kind: "acquired" }>,
): Promise<TakenPartition> {
  const { options, pageSizes } = state;
  const apart = { connect: () => options.connect(options.silenceMs), pageSizes };
  const partition = await readApart(session.context.journal, apart, (journal) =>
    recoverPartition({ ...session.context, journal }, index, acquired),
  );
  await session.quotas.settle([partition]);
  await publishMissed(state, session.journal, partition);
  await settleOrphans(state, session.journal, (orphaned) => orphaned === index);
  // Before the end of the log is looked up: what was sent already is reported there, and to be folded before anybody asks.
  await state.options.onTaken(partition);
  const end = await session.journal.lastEntry(index);
  return { partition, catchUp: { end, giveUpAt: state.options.clock() + CATCH_UP_MS_MAX } };
}
