// Have those who spread requests over engines noticed that this one leaves? A balancer asks /readyz now and then, and sends
// requests on until it is told 503; an engine that nobody watches, and that only its own machine can reach, need not wait.

export interface CallersNotice {
  /** A request was answered. `nowMs`: of a clock that never runs backwards. */
  readonly onAnswer: (operation: string, status: number, nowMs: number) => void;
  /** Is there anybody to wait for? */
  readonly isWatched: (nowMs: number) => boolean;
  /** Somebody was told since `leftMs` that it is not ready, and nobody has asked anything else for a moment. */
  readonly isNoticed: (leftMs: number, nowMs: number) => boolean;
}

/** What is asked of every engine by itself, whoever answers the others. */
const OF_ITSELF: ReadonlySet<string> = new Set(["health", "metrics"]);
const INTERVALS_KEPT = 4;
const INTERVAL_MS_MAX = 10_000;
/** Somebody who has asked for something within this may do so again. */
const BUSY_MS = 3_000;
const QUIET_MS = 500;

/** `isPublic`: other machines reach it, so there may be a balancer that does not ask /readyz. */
export function createCallersNotice(isPublic: boolean): CallersNotice {
  const probes: number[] = [];
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  return {
    onAnswer: (operation, status, nowMs) => {
      if (OF_ITSELF.has(operation)) return;
      if (operation !== "ready") {
        askedAtMs = nowMs;
        return;
      }
      if (status === 503) toldAtMs = nowMs;
      probes.push(nowMs);
      if (probes.length > INTERVALS_KEPT + 1) probes.shift();
    },
    isWatched: (nowMs) => isProbed(probes, nowMs) || (isPublic && nowMs - askedAtMs < BUSY_MS),
    isNoticed: (leftMs, nowMs) => toldAtMs >= leftMs && nowMs - Math.max(askedAtMs, toldAtMs) >= QUIET_MS,
  };
}

/** The next probe is due, or hardly late, by the longest of the last intervals. */
function isProbed(probes: readonly number[], nowMs: number): boolean {
  const intervals = probes.slice(1).map((atMs, index) => atMs - (probes[index] as number));
  if (intervals.length === 0) return false;
  const longest = Math.min(INTERVAL_MS_MAX, Math.max(...intervals));
  return nowMs - (probes.at(-1) as number) < 2 * longest + QUIET_MS;
}
