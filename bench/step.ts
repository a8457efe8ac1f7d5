// What one event costs the engine's own thread, without Redis, sockets and models: decoded, folded, 5 % decided, and packed
// into the commits of 64 partitions. The very steps of the loop, over the journal in memory of the sandbox.
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import type { Instant } from "../engine/domain/time.ts";
import { cpuOf } from "./load/cpu-time.ts";
import { compileRules, deliveredFiles } from "./load/delivered-rules.ts";
import { makeBatch } from "./load/events.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";
import { openStepping, type Placed, placed } from "./load/stepping.ts";

export const bench: Bench = {
  name: "step",
  about:
    "CPU of one event: decoded, folded, 5 % decided, packed for the journal; no Redis, no models; beside JSON.parse of it",
  run,
};

const CUSTOMERS = 65_536;
const EVENTS = 200_000;

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const rules = compileRules(await deliveredFiles());
  const startsAt = Date.now() as Instant;
  const stepping = await openStepping(rules, { startsAt });
  const count = options.quick ? 20_000 : EVENTS;
  let bytes = 0;
  let packed = 0;
  const steps = async (entries: readonly Placed[]): Promise<void> => {
    packed += await stepping.take(entries);
  };
  const batchOf = (name: string, seed: number): readonly Placed[] =>
    placed(makeBatch(name, count, CUSTOMERS, seed).events, startsAt);
  await steps(batchOf("warm", 1_000));
  packed = 0;
  const us = await alternate(roundsOf(options), {
    step: async (round) => {
      const entries = batchOf(`s${round}`, round);
      return await cpuOf(count, () => steps(entries));
    },
    parse: async (round) => {
      const entries = batchOf(`p${round}`, round);
      return await cpuOf(count, () => {
        for (const { raw } of entries) bytes += Object.keys(JSON.parse(String(raw.fields[3]))).length;
      });
    },
  });
  if (bytes === 0) throw new Error("nothing was parsed");
  return [
    rowOf("a step of the loop", "us of CPU an event", us.step, us.parse),
    rowOf("JSON.parse of the same entries", "us of CPU an event", us.parse),
    rowOf("journal of it", "bytes an event", [packed / count / roundsOf(options)]),
  ];
}
