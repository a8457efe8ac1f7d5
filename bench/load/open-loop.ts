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

/** In milliseconds. */
export function percentileMs(histogram: Histogram, percentile: number): number {
  return histogram.getValueAtPercentile(percentile) / 1_000;
}
