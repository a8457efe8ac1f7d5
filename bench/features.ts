// What one event costs that updates 30 windowed features, beside one look-up in a Map and 30 additions to a typed array.
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { createRandom } from "../engine/cli/traffic/random.ts";
import type { CustomerEvent } from "../engine/domain/event.ts";
import { type CustomerKey, customerKey } from "../engine/domain/ids.ts";
import { DAY_MS, type Instant } from "../engine/domain/time.ts";
import { createProfileStore } from "../engine/profile/store.ts";
import type { RulebookFiles } from "../engine/rulebook/rulebook.ts";
import { compileRules, deliveredFiles } from "./load/delivered-rules.ts";
import { drawActions, rulebookOf } from "./load/generated-rules.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "features",
  about:
    "one event that updates 30 windowed features of one of 65,536 customers, beside one look-up in a Map and 30 additions to a typed array",
  run,
};

const CUSTOMERS = 65_536;
const EVENTS = 400_000;
const DAYS = 40;
const START = Date.UTC(2026, 0, 1);

export const WINDOWED = 30;
const WINDOWS = ["1h", "24h", "7d", "14d", "30d"];
const AGGREGATES = ["count", "sum", "mean", "min", "max", "count"];

/** Of every kind and window; all of them read every purchase. */
export function withWindows(files: RulebookFiles): RulebookFiles {
  const lines = Array.from({ length: WINDOWED }, (_, index) => {
    const aggregate = AGGREGATES[Math.floor(index / WINDOWS.length)] as string;
    const field = aggregate === "count" ? "" : ", field: amount";
    const where = index < WINDOWS.length ? ", where: event.props.amount >= 0" : "";
    const window = WINDOWS[index % WINDOWS.length];
    return `  - { name: w_${index}, label: w, aggregate: ${aggregate}, of: [measured]${field}${where}, window: ${window} }\n`;
  });
  const written = files["features.yaml"] ?? "";
  return { ...files, "features.yaml": `${written.trimEnd()}\n${lines.join("")}` };
}

interface Contender {
  readonly update: (key: CustomerKey, event: CustomerEvent) => void;
}

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const customers = options.quick ? 4_096 : CUSTOMERS;
  const events = options.quick ? 20_000 : EVENTS;
  const delivered = await deliveredFiles();
  const rules = compileRules(withWindows(rulebookOf(drawActions(2, 2), delivered)));
  const keys = Array.from({ length: customers }, (_, index) => customerKey(`customer-${100_000 + index}`));
  const store = createProfileStore({ layout: rules.layout });
  for (const key of keys) store.load(key, undefined);
  const engine: Contender = { update: (key, event) => store.fold(key, event, event.ts) };
  const peer = additions(keys);
  let from = START;
  const turn = (contender: Contender) => {
    const figures = measure(contender, keys, events, from);
    from += DAYS * DAY_MS;
    return figures;
  };
  for (const contender of [engine, peer]) turn(contender); // warm, and every pane is there
  const told = { engine: [] as Figures[], peer: [] as Figures[] };
  const taken = await alternate(roundsOf(options), {
    engine: () => keep(told.engine, turn(engine)),
    peer: () => keep(told.peer, turn(peer)),
  });
  const rows = [rowOf("30 windows, mean", "us of CPU", taken.engine, taken.peer)];
  for (const part of ["p50", "p99"] as const) {
    const of = (all: readonly Figures[]) => all.map((figures) => figures[part]);
    rows.push(rowOf(`30 windows, ${part}`, "ns", of(told.engine), of(told.peer)));
    rows.push(rowOf(`a look-up and 30 additions, ${part}`, "ns", of(told.peer)));
  }
  return [...rows, rowOf("a look-up and 30 additions, mean", "us of CPU", taken.peer)];
}

interface Figures {
  readonly meanUs: number;
  /** Of single updates, the two readings of the clock included. */
  readonly p50: number;
  readonly p99: number;
}

function keep(all: Figures[], figures: Figures): number {
  all.push(figures);
  return figures.meanUs;
}

/** First half of the events: CPU time of all of them; second half: the time of each. */
function measure({ update }: Contender, keys: readonly CustomerKey[], count: number, from: number): Figures {
  const random = createRandom(from % 65_521);
  const picks = Uint32Array.from({ length: count }, () => Math.floor(random.next() * keys.length));
  const event = (index: number): CustomerEvent => ({
    id: "e",
    type: "measured",
    key: keys[picks[index] as number] as CustomerKey,
    ts: (from + Math.floor((index / count) * DAYS * DAY_MS)) as Instant,
    source: "clickstream",
    props: { amount: index % 97 },
  });
  const half = count >>> 1;
  const events = Array.from({ length: count }, (_, index) => event(index));
  const before = process.cpuUsage();
  for (let index = 0; index < half; index++)
    update((events[index] as CustomerEvent).key, events[index] as CustomerEvent);
  const { user, system } = process.cpuUsage(before);
  const took = new Float64Array(count - half);
  for (let index = half; index < count; index++) {
    const one = events[index] as CustomerEvent;
    const start = performance.now();
    update(one.key, one);
    took[index - half] = (performance.now() - start) * 1e6;
  }
  took.sort();
  const at = (share: number): number => took[Math.floor(took.length * share)] as number;
  return { meanUs: (user + system) / half, p50: at(0.5), p99: at(0.99) };
}

function additions(keys: readonly CustomerKey[]): Contender {
  const rows = new Float64Array(keys.length * WINDOWED);
  const rowOfKey = new Map(keys.map((key, index) => [key, index * WINDOWED]));
  return {
    update: (key, { props }) => {
      const row = rowOfKey.get(key) as number;
      const amount = props["amount"] as number;
      for (let at = row; at < row + WINDOWED; at++) rows[at] = (rows[at] as number) + amount;
    },
  };
}
