// What a customer costs in memory, and an event in time, beside profiles made of objects.
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { startChild } from "./load/child.ts";
import { figureOf, roundsOf, rowOf } from "./load/rounds.ts";
import type { Held } from "./peers/hold-profiles.ts";

export const bench: Bench = {
  name: "profile-bytes",
  about:
    "memory (growth of the resident set, keys included) of a profile with the delivered features, 10 events each, 20 contacts for every tenth; CPU time of a fold",
  run,
};

const EVENTS_EACH = 10;

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const customers = options.quick ? 20_000 : 200_000;
  const packed: Held[] = [];
  const objects: Held[] = [];
  for (let round = 0; round < roundsOf(options); round++) {
    packed.push(await hold("packed", customers));
    objects.push(await hold("objects", customers / 10)); // a tenth: they would not fit
    options.say(`round ${round + 1} done`);
  }
  const bytes = (all: readonly Held[], count: number): number[] => all.map(({ rssBytes }) => rssBytes / count);
  const nanoseconds = (all: readonly Held[]): number[] => all.map(({ foldNs }) => foldNs);
  const words = customers.toLocaleString("en-US");
  const fewer = (customers / 10).toLocaleString("en-US");
  return [
    rowOf(`packed, ${words} profiles`, "bytes/profile", bytes(packed, customers), bytes(objects, customers / 10)),
    rowOf(`objects, ${fewer} profiles`, "bytes/profile", bytes(objects, customers / 10)),
    rowOf(`fold, packed, ${words} profiles`, "ns of CPU", nanoseconds(packed), nanoseconds(objects)),
    rowOf(`fold, objects, ${fewer} profiles`, "ns of CPU", nanoseconds(objects)),
    {
      measured: `packed, ${words} profiles`,
      unit: "MiB in all",
      ...figureOf(packed.map(({ rssBytes }) => rssBytes / 2 ** 20)),
    },
  ];
}

async function hold(kind: "packed" | "objects", customers: number): Promise<Held> {
  const args = [kind, String(customers), String(EVENTS_EACH)];
  const child = await startChild<Held & { readonly held: number }>("hold-profiles", args, ["--expose-gc"]);
  await child.stop();
  if (child.said.held < customers * 0.99) throw new Error(`${child.said.held} of ${customers} profiles were held`);
  return child.said;
}
