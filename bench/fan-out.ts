// Thousands of open sockets, two for each customer, and NBAs at a given pace: frames that arrive a second, beside a bare server
// that sends frames of the same size at the same pace.
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { startChild } from "./load/child.ts";
import { startEngineUnderTest } from "./load/engine-under-test.ts";
import { CARDS, untilQuiet, type Wire, wireBare, wireEngine } from "./load/live-wire.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "fan-out",
  about:
    "frames a second at 5,000 sockets, two for each customer, 2,000 NBAs a second offered, three in a decision, beside uWebSockets.js alone",
  run,
};

const RATE = 2_000;
const SOCKETS = 5_000;
const FRAME_BYTES = 900;

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const customers = (options.quick ? 200 : SOCKETS) / 2;
  const under = await startEngineUnderTest({ appendOnly: true });
  const bare = await startChild<{ readonly url: string }>("fan-out", [String(FRAME_BYTES)]);
  try {
    const rates = await alternate(roundsOf(options), {
      engine: (round) => measure(named(`f${round}`, customers), (names) => wireEngine(under, names)),
      bare: (round) => measure(named(`b${round}`, customers), (names) => wireBare(bare.said.url, names)),
    });
    return [
      rowOf(`engine, ${customers * 2} sockets`, "frames/s", rates.engine, rates.bare),
      rowOf(`bare, ${customers * 2} sockets`, "frames/s", rates.bare),
    ];
  } finally {
    await bare.stop();
    await under.stop();
  }
}

function named(round: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${round}-${index}`);
}

/** So many NBAs for each, at the pace; the rate counts from the first that is sent until the last frame is there. */
async function measure(
  customers: readonly string[],
  wire: (names: readonly string[]) => Promise<Wire>,
): Promise<number> {
  const { send, frames, close } = await wire(customers);
  const wanted = customers.length * CARDS * 2;
  const startedAt = performance.now();
  for (let next = 0; next < customers.length; await sleep(1)) {
    while (next < customers.length && performance.now() >= startedAt + (next * CARDS * 1_000) / RATE) {
      send(customers[next++] as string);
    }
  }
  const tookMs = (await untilQuiet(frames, wanted)) - startedAt;
  close();
  return (wanted / tookMs) * 1_000;
}
