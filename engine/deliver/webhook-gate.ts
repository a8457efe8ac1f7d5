// How many requests one gateway gets at the same time, and none while it is down: after some failures in a row it rests, ever
// longer, and then a single request tries whether it is back.
import type { Halt } from "./waker.ts";

export interface GateOptions {
  readonly inFlightMax: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Told when it begins to rest and when it is open again. */
  readonly onRest: (restMs: number) => void;
  readonly onOpen: () => void;
}

export interface WebhookGate {
  /** Waits for its turn, at most `waitMs` and until it is halted; false: it was not let in. Who was let in must call `leave`. */
  readonly enter: (waitMs: number, halt: Pick<Halt, "onHalt">) => Promise<boolean>;
  /** `restMs`: the gateway has asked for so long a rest. */
  readonly leave: (result: "well" | "failed" | "unknown", restMs?: number) => void;
  /** Lets nobody in any more. */
  readonly close: () => void;
}

const FAILURES_MAX = 5;
const REST_MS_MIN = 1_000;
const REST_MS_MAX = 60_000;
/** The longest that setTimeout takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export function createWebhookGate(options: GateOptions): WebhookGate {
  const waiters: ((isIn: boolean) => void)[] = [];
  let inFlight = 0;
  let failures = 0;
  let rests = 0;
  let isResting = false;
  /** After a rest one request at a time, until one has gone well. */
  let isTrying = false;
  let isClosed = false;
  let waking: NodeJS.Timeout | undefined;

  const letIn = (): void => {
    while (!isResting && !isClosed && inFlight < (isTrying ? 1 : options.inFlightMax)) {
      const next = waiters.shift();
      if (next === undefined) return;
      inFlight++;
      next(true);
    }
  };
  const rest = (askedMs: number): void => {
    const longest = Math.min(REST_MS_MAX, REST_MS_MIN * 2 ** Math.min(rests++, 10));
    const restMs = Math.max(askedMs, longest * (0.5 + options.random() / 2));
    isResting = true;
    isTrying = true;
    failures = 0;
    options.onRest(restMs);
    waking = setTimeout(() => {
      isResting = false;
      letIn();
    }, restMs);
    waking.unref();
  };
  const well = (): void => {
    failures = 0;
    rests = 0;
    if (!isTrying) return;
    isTrying = false;
    options.onOpen();
  };
  return {
    enter: (waitMs, halt) =>
      new Promise((resolve) => {
        let listenNoMore = (): void => undefined;
        const settle = (isIn: boolean): void => {
          clearTimeout(patience);
          listenNoMore();
          resolve(isIn);
        };
        const giveUp = (): void => {
          const at = waiters.indexOf(settle);
          if (at >= 0) waiters.splice(at, 1);
          settle(false);
        };
        const patience = setTimeout(giveUp, Math.min(Math.max(0, waitMs), TIMER_MS_MAX));
        if (isClosed) return giveUp();
        waiters.push(settle);
        listenNoMore = halt.onHalt(giveUp);
        letIn();
      }),
    leave: (result, restMs = 0) => {
      inFlight--;
      if (result === "well") well();
      else if (result === "failed" && !isResting) {
        failures++;
        if (isTrying || restMs > 0 || failures >= FAILURES_MAX) rest(restMs);
      }
      letIn();
    },
    close: () => {
      isClosed = true;
      clearTimeout(waking);
      for (const settle of waiters.splice(0)) settle(false);
    },
  };
}
