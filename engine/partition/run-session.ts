// One session of the loop, from its connections to its end: steps while partitions come and go, and what looks beside them now
// and then. Whatever puts all of it in doubt ends it.
import { LONG_AGO } from "../domain/time.ts";
import { LIMITS } from "../limits.ts";
import { startActivationWatch } from "./activation-watch.ts";
import type { DecisionLoopOptions, LoopState } from "./decision-loop.ts";
import { startErasures } from "./erasures.ts";
import { createInbox } from "./inbox.ts";
import { startQuotaPoll } from "./quota-poll.ts";
import { type InFlight, step } from "./run-commits.ts";
import { openSession, type Session } from "./session.ts";
import { openTenure, type Tenure } from "./tenure.ts";
import { startTimers } from "./timers.ts";
import { SessionTrouble } from "./trouble.ts";
import { startWalks } from "./walks.ts";

export async function runSession(state: LoopState): Promise<void> {
  const { options, signal } = state;
  let trouble: string | undefined;
  const onTrouble = (why: string): void => {
    trouble = why;
    signal.wake();
  };
  const session = await openSession(
    { ...options, pageSizes: state.pageSizes, onTrouble, wake: signal.wake },
    () => state.isStopping,
  );
  const done = Promise.resolve();
  const inFlight: InFlight = { commits: [], settled: done, telling: done, failed: undefined, roundAtMs: LONG_AGO };
  const inbox = createInbox({
    reader: session.reader,
    entriesMax: options.entriesPerStepMax * 2,
    bytesMax: LIMITS.inboxBytesMax,
    clock: options.clock,
    wake: signal.wake,
    onTrouble,
  });
  const running: {
    parts: ReturnType<DecisionLoopOptions["onSession"]> | undefined;
    tenure: Tenure | undefined;
    stops: (() => void)[];
  } = {
    parts: undefined,
    tenure: undefined,
    stops: [],
  };
  try {
    const tenure = await openTenure(state, session, inbox);
    running.tenure = tenure;
    running.stops = startPolls(state, session);
    state.session = session;
    state.tenure = tenure;
    running.parts = options.onSession(session);
    for (;;) {
      if (trouble !== undefined) throw new SessionTrouble(trouble);
      if (state.isLeaving) {
        await running.parts?.(false);
        running.parts = undefined;
        tenure.giveAll();
      }
      tenure.change();
      if (state.isLeaving && tenure.isEmpty()) tenure.retire();
      if (state.isStopping && tenure.isEmpty()) break;
      if (!state.isReady && !state.isLeaving && tenure.isReady()) {
        state.isReady = true;
        state.failures = 0;
        options.log.info("ready", { partitions: session.partitions.length });
      }
      const isBusy = await step(state, session, inbox, inFlight, tenure.stored);
      if (!isBusy) await signal.wait();
    }
    await inFlight.settled;
    await inFlight.telling; // needs the session's connection
    await tenure.leave();
  } catch (error) {
    // What is in doubt is closed before anybody waits for what was sent over it.
    session.close();
    throw error;
  } finally {
    state.session = undefined;
    state.tenure = undefined;
    state.isReady = false;
    // Nobody serves them before the next session, and when that begins nobody knows.
    for (const queue of [state.looks, state.simulations, state.sendables]) queue.refuse("the session with Redis ended");
    for (const stop of running.stops) stop();
    running.tenure?.close();
    // Left only where all of it is in doubt: nobody waits for the others then.
    const ending = running.parts?.(true);
    await Promise.all([ending, ...session.partitions.map(({ index }) => options.onGone(index))]);
    session.close();
    await inFlight.settled; // what failed is told by `failed`; nobody may write after this
  }
}

/** What looks now and then, at whatever partitions are held just then. */
function startPolls({ options, signal }: LoopState, session: Session): (() => void)[] {
  const { clock, log } = options;
  const ticking = setInterval(signal.wake, 250);
  return [
    () => clearInterval(ticking),
    startTimers(session, clock, log),
    startWalks(session, clock, log),
    startQuotaPoll(session, options.quotas.pollMs, log),
    startActivationWatch(session, options.activationPollMs, log),
    startErasures(session, options),
  ];
}
