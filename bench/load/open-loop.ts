// Sends at a given pace whether or not the last one was answered, and measures from when it should have been sent: a
// server that stalls is charged for all who would have come in the meantime ("coordinated omission", Gil Tene).
import { build, type Histogram } from "hdr-histogram-js";

export interface OpenLoopOptions {
  readonly ratePerSecond: number;
  readonly count: number;
  /** Settles when the answer is there. A rejection ends the run. */
  readonly send: (index: number) => Promise<void>;
}

/** Latencies in microseconds. The sender's own timer, about 1 ms, is part of them. */
export async function openLoop({ ratePerSecond, count, send }: OpenLoopOptions): Promise<Histogram> {
  const histogram = createHistogram();
  const stepMs = 1_000 / ratePerSecond;
  const startedAt = performance.now() + stepMs;
  const answers: Promise<void>[] = [];
  const failures: unknown[] = [];
  const sendOne = async (index: number): Promise<void> => {
    await send(index);
    const tookMs = performance.now() - (startedAt + index * stepMs);
    histogram.recordValue(Math.max(1, Math.round(tookMs * 1_000)));
  };
  for (let next = 0; next < count; ) {
    while (next < count && performance.now() >= startedAt + next * stepMs) {
      answers.push(sendOne(next++).catch((error: unknown) => void failures.push(error)));
    }
    if (failures.length > 0) break;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(answers);
  if (failures.length > 0) throw failures[0];
  return histogram;
}

/** 1 us to 60 s, three digits. */
export function createHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
}

/** Of all rounds together; and of each of them the least and the most. In milliseconds, with three digits. Of at least one round. */
export function latencyOf(rounds: readonly Histogram[]): Readonly<Record<string, number>> {
  const all = createHistogram();
  for (const round of rounds) all.add(round);
  const of = (histogram: Histogram, percent: number): number => percentileMs(histogram, percent);
  const each = (percent: number): readonly number[] =>
    rounds.filter(({ totalCount }) => totalCount > 0).map((round) => of(round, percent));
  const [p50s, p99s] = [each(50), each(99)];
  return {
    p50: of(all, 50),
    p99: of(all, 99),
    "p99.9": of(all, 99.9),
    "least p50": Math.min(...p50s),
    "most p50": Math.max(...p50s),
    "least p99": Math.min(...p99s),
    "most p99": Math.max(...p99s),
  };
}

/** In milliseconds. */
export function percentileMs(histogram: Histogram, percentile: number): number {
  return histogram.getValueAtPercentile(percentile) / 1_000;
}
