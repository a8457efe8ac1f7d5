// What a customer costs in memory, and an event in time: beside the bare bytes of what is stored, and beside profiles made of
// objects.
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { startChild } from "./load/child.ts";
import { figureOf, roundsOf, rowOf } from "./load/rounds.ts";
import type { Held } from "./peers/hold-profiles.ts";

export const bench: Bench = {
  name: "profile-bytes",
  about:
    "memory (growth of the resident set, keys included) of a profile with the delivered features, 20 contacts each, activity as in the demo's past and day: a million, and fewer in rounds, beside the bare bytes of it and beside objects; CPU time of a fold",
  run,
};

const MILLION = 1_000_000;

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const many = options.quick ? 20_000 : MILLION;
  const some = options.quick ? 4_000 : 50_000;
  const few = options.quick ? 2_000 : 10_000; // of objects more would not fit
  const million = await hold("packed", many);
  options.say(`${many} customers: ${Math.round(million.wholeRssBytes / 2 ** 20)} MiB`);
  const packed: Held[] = [];
  const objects: Held[] = [];
  for (let round = 0; round < roundsOf(options); round++) {
    packed.push(await hold("packed", some));
    objects.push(await hold("objects", few));
    options.say(`round ${round + 1} done`);
  }
  const bytes = (all: readonly Held[], count: number): number[] => all.map(({ rssBytes }) => rssBytes / count);
  const raw = packed.map(({ rawBytes }) => rawBytes);
  const nanoseconds = (all: readonly Held[]): number[] => all.map(({ foldNs }) => foldNs);
  const words = (count: number): string => `${count.toLocaleString("en-US")} profiles`;
  const unit = "bytes/profile";
  return [
    rowOf(`packed, ${words(many)}, of bare bytes`, unit, bytes([million], many), [million.rawBytes]),
    { measured: `packed, ${words(many)}: whole process`, unit: "MiB", ...figureOf([million.wholeRssBytes / 2 ** 20]) },
    rowOf(`packed, ${words(some)}, of bare bytes`, unit, bytes(packed, some), raw),
    rowOf("bare bytes of panes and contacts", unit, raw),
    rowOf(`packed, ${words(some)}, of objects`, unit, bytes(packed, some), bytes(objects, few)),
    rowOf(`objects, ${words(few)}`, unit, bytes(objects, few)),
    rowOf(`fold, packed, ${words(some)}, of objects`, "ns of CPU", nanoseconds(packed), nanoseconds(objects)),
    rowOf(`fold, packed, ${words(many)}`, "ns of CPU", nanoseconds([million])),
    { measured: "events of each", unit: "events", ...figureOf([million.events]) },
  ];
}

async function hold(kind: "packed" | "objects", customers: number): Promise<Held> {
  const child = await startChild<Held & { readonly held: number }>(
    "hold-profiles",
    [kind, String(customers), "demo"],
    ["--expose-gc"],
  );
  await child.stop();
  if (child.said.held < customers * 0.99) throw new Error(`${child.said.held} of ${customers} profiles were held`);
  return child.said;
}
