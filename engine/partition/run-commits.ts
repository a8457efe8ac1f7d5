// A step of the loop with its commits: one commit of each partition is under way while the next step is computed.
import type { PartitionIndex } from "../domain/ids.ts";
import type { Committed } from "../engine.ts";
import { LIMITS } from "../limits.ts";
import { release } from "./after-session.ts";
import { redirectAsk } from "./answer-ask.ts";
import type { ClosedDraft } from "./close-draft.ts";
import type { LoopState } from "./decision-loop.ts";
import type { Inbox } from "./inbox.ts";
import { see } from "./looks.ts";
import { publish } from "./publish.ts";
import { judgeAll } from "./sendable.ts";
import { refuseAll } from "./served-queue.ts";
import type { Session } from "./session.ts";
import { simulateAll } from "./simulations.ts";
import { runStep, type StepOutput } from "./step.ts";
import { SessionTrouble } from "./trouble.ts";
import { evict, writeBackOf } from "./write-back.ts";

export interface InFlight {
  commits: Promise<void>;
  /** Looks whose commit is acknowledged are told here, one after the other; no commit waits for it. Never rejects. */
  telling: Promise<void>;
  failed: Error | undefined;
}

/** One step; false where there was nothing to do. What its asks and looks wait for is settled, or left to the next session. */
export async function step(
  state: LoopState,
  session: Session,
  inbox: Inbox,
  inFlight: InFlight,
  isFlushing: boolean,
): Promise<boolean> {
  const { options } = state;
  if (inFlight.failed !== undefined) throw inFlight.failed;
  const share = session.partitions.length;
  const entries = isFlushing ? new Map() : inbox.take(options.entriesPerStepMax);
  const asks = state.asks.take(options.asksPerStepMax);
  const looks = state.looks.take(LIMITS.looksPerStepMax);
  const simulations = state.simulations.take(LIMITS.simulationsPerStepMax);
  const sendables = state.sendables.take(LIMITS.sendablesPerStepMax);
  const abandon = (error: unknown): Error => {
    const failure = error instanceof Error ? error : new SessionTrouble(String(error));
    state.orphans.push(...asks.filter((waiting) => !waiting.isSettled()));
    refuseAll([...looks, ...simulations, ...sendables], failure.message);
    return failure;
  };
  try {
    const nowMs = options.clock();
    options.meter.stages.start();
    const output = await runStep(session, {
      entries,
      asks,
      looks: [...looks, ...simulations, ...sendables],
      clock: options.clock,
      isFlushing,
      stages: options.meter.stages,
      writeBack: (partition) => writeBackOf(options, share, inbox, partition, nowMs, isFlushing),
      onEntry: options.meter.onEntry,
    });
    inbox.giveBack(output.left);
    const tellLooks = await see(looks, session, options.clock);
    const tellSimulations = await simulateAll(simulations, session, options.clock);
    const tellSendables = judgeAll(sendables, session, options.clock);
    const tell = async (): Promise<void> => {
      tellSendables();
      tellSimulations();
      await tellLooks();
    };
    for (const { waiting, answer } of output.refused) waiting.settle(answer);
    for (const { waiting, customer } of output.redirected) void redirectAsk(state, session, waiting, customer);
    await inFlight.commits; // one commit under way: this one may only go once the last is acknowledged
    if (inFlight.failed !== undefined) throw inFlight.failed;
    options.meter.stages.lap("commit");
    for (const partition of session.partitions) evict(options, share, partition);
    inFlight.commits = commitAll(state, session, output)
      .then(() => {
        inFlight.telling = inFlight.telling.then(tell);
      })
      .catch((error: unknown) => {
        inFlight.failed = abandon(error);
        state.signal.wake();
      });
    // On a clean stop the looks that are left are refused: else new ones could put off the end for ever.
    const isLookedAt = !isFlushing && state.looks.length() + state.simulations.length() + state.sendables.length() > 0;
    return entries.size > 0 || asks.length > 0 || output.closed.length > 0 || isLookedAt;
  } catch (error) {
    throw abandon(error);
  }
}

async function commitAll(state: LoopState, session: Session, output: StepOutput): Promise<void> {
  const { meter } = state.options;
  const byPartition = new Map<PartitionIndex, StepOutput["answers"][number][]>();
  for (const answer of output.answers) {
    const list = byPartition.get(answer.waiting.partition);
    if (list === undefined) byPartition.set(answer.waiting.partition, [answer]);
    else list.push(answer);
  }
  const startedAt = performance.now();
  await Promise.all(
    output.closed.map(async (closed) => {
      const { partition, commit } = closed;
      const reply = await session.journal.commit(partition.token, commit);
      if (reply.kind !== "ok")
        throw new SessionTrouble(`partition ${partition.index}: the commit was refused: ${reply.why}`);
      partition.committed = commit.seq;
      session.sendRelays(partition);
      meter.onCommitted(closed, (performance.now() - startedAt) / 1000);
      publish(state, toCommitted(closed));
      for (const { waiting, record } of byPartition.get(partition.index) ?? []) {
        const isLate = !waiting.isAwaited();
        waiting.settle({ kind: "decided", record, seq: commit.seq });
        if (isLate) await release(state, session.journal, record);
      }
      await session.quotas.committed(partition, commit.seq);
    }),
  );
}

function toCommitted({ partition, commit, draft }: ClosedDraft): Committed {
  return {
    partition: partition.index,
    seq: commit.seq,
    decisions: draft.decisions,
    withdrawals: draft.withdrawals,
  };
}
