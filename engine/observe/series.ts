// Counters, gauges and histograms whose values live in typed arrays. A caller looks its slot up once (at wiring, or when a
// rulebook is activated) and then adds to an array; prom-client sees the values only when somebody scrapes.

/** What a scrape reads of one metric, in the shape of prom-client. */
export interface Reading {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
  readonly read: () => readonly Sample[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** For the parts of a histogram. */
  readonly metricName?: string;
}

/** Number of a series within its metric. */
export type Slot = number;

/** `Labels` are the values in the declared order, e.g. `[source: string, result: EventResult]`. */
export interface Series<Labels extends readonly string[]> {
  readonly reading: Reading;
  /** The slot of these label values. Beyond the bound of the metric every new one is counted under `other`. */
  readonly slot: (...labels: Labels) => Slot;
  readonly add: (slot: Slot, amount: number) => void;
  readonly set: (slot: Slot, value: number) => void;
  /** Drops every series: for gauges whose labels went away, e.g. the hash of the rulebook before. */
  readonly clear: () => void;
}

export interface Histogram<Labels extends readonly string[]> {
  readonly reading: Reading;
  readonly slot: (...labels: Labels) => Slot;
  /** About 10 ns. NaN is not counted. */
  readonly observe: (slot: Slot, value: number) => void;
}

export interface SeriesOptions {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly seriesMax: number;
}

const OTHER = "other";

export function createSeries<Labels extends readonly string[]>(
  type: "counter" | "gauge",
  options: SeriesOptions,
): Series<Labels> {
  let values = new Float64Array(8);
  const table = createLabelTable(options);
  const slot = (...labels: Labels): Slot => {
    const found = table.slot(labels);
    values = withRoom(values, found + 1);
    return found;
  };
  const read = (): readonly Sample[] =>
    table.all().map((labels, index) => ({ labels, value: values[index] as number }));
  return {
    reading: { name: options.name, help: options.help, labels: options.labels, type, read },
    slot,
    add: (at, amount) => {
      values[at] = (values[at] as number) + amount;
    },
    set: (at, value) => {
      values[at] = value;
    },
    clear: () => {
      table.clear();
      values.fill(0);
    },
  };
}

/** `bounds`: upper bounds, inclusive, ascending, without +Inf. */
export function createHistogram<Labels extends readonly string[]>(
  options: SeriesOptions & { readonly bounds: readonly number[] },
): Histogram<Labels> {
  const bounds = Float64Array.from(options.bounds);
  const width = bounds.length + 1;
  let counts = new Float64Array(8 * width);
  let sums = new Float64Array(8);
  const table = createLabelTable(options);
  const slot = (...labels: Labels): Slot => {
    const found = table.slot(labels);
    counts = withRoom(counts, (found + 1) * width);
    sums = withRoom(sums, found + 1);
    return found;
  };
  const observe = (at: Slot, value: number): void => {
    if (Number.isNaN(value)) return;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    const cell = at * width + bucket;
    counts[cell] = (counts[cell] as number) + 1;
    sums[at] = (sums[at] as number) + value;
  };
  const read = (): readonly Sample[] =>
    table
      .all()
      .flatMap((labels, at) =>
        histogramSamples(
          options.name,
          labels,
          bounds,
          counts.subarray(at * width, (at + 1) * width),
          sums[at] as number,
        ),
      );
  return {
    reading: { name: options.name, help: options.help, labels: options.labels, type: "histogram", read },
    slot,
    observe,
  };
}

/** Buckets are cumulative in the text format: each holds what the ones before it hold. */
function histogramSamples(
  name: string,
  labels: Readonly<Record<string, string>>,
  bounds: Float64Array,
  counts: Float64Array,
  sum: number,
): Sample[] {
  const samples: Sample[] = [];
  let below = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    below += counts[bucket] as number;
    const le = bucket < bounds.length ? String(bounds[bucket]) : "+Inf";
    samples.push({ labels: { ...labels, le }, value: below, metricName: `${name}_bucket` });
  }
  samples.push({ labels, value: sum, metricName: `${name}_sum` });
  samples.push({ labels, value: below, metricName: `${name}_count` });
  return samples;
}

interface LabelTable {
  readonly slot: (labels: readonly string[]) => Slot;
  readonly all: () => readonly Readonly<Record<string, string>>[];
  readonly clear: () => void;
}

function createLabelTable(options: SeriesOptions): LabelTable {
  const slots = new Map<string, Slot>();
  let rows: Readonly<Record<string, string>>[] = [];
  const slot = (labels: readonly string[]): Slot => {
    const key = JSON.stringify(labels);
    const found = slots.get(key);
    if (found !== undefined) return found;
    if (rows.length >= options.seriesMax && labels.some((label) => label !== OTHER))
      return slot(labels.map(() => OTHER));
    const made = rows.length;
    slots.set(key, made);
    rows.push(Object.fromEntries(options.labels.map((name, at) => [name, labels[at] ?? ""])));
    return made;
  };
  const clear = (): void => {
    slots.clear();
    rows = [];
  };
  return { slot, all: () => rows, clear };
}

function withRoom(values: Float64Array<ArrayBuffer>, wanted: number): Float64Array<ArrayBuffer> {
  if (wanted <= values.length) return values;
  const grown = new Float64Array(Math.max(wanted, values.length * 2));
  grown.set(values);
  return grown;
}
