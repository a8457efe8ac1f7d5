// `npm run bench -- --curves`: draws how the cost of an event and of a decision grows, into bench/curves/.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BenchOptions, BenchRow } from "../../engine/cli/bench.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { type Curve, drawCurve } from "./curve.ts";
import { decisionsByPartitions, eventsByBacklog, eventsByPartitions, nbasBySockets } from "./engine-curves.ts";
import { byCustomers, decideByActions, decideByFeatures, eventsByActions, foldByFeatures } from "./pure-curves.ts";

/** By what grows. */
const CURVES: Readonly<Record<string, (options: BenchOptions) => Promise<Curve | readonly Curve[]>>> = {
  actions: async (options) => [await decideByActions(options), await eventsByActions(options)],
  features: async (options) => [await foldByFeatures(options), await decideByFeatures(options)],
  customers: byCustomers,
  partitions: async (options) => [await eventsByPartitions(options), await decisionsByPartitions(options)],
  sockets: nbasBySockets,
  backlog: eventsByBacklog,
};

/**
 * The points of these curves, of all where none is named; throws RangeError where there is none of a name. Of a quick run
 * nothing is drawn over what is there: under bench/results/ instead.
 */
export async function runCurves(options: BenchOptions, names: readonly string[] = []): Promise<readonly BenchRow[]> {
  const unknown = names.find((name) => CURVES[name] === undefined);
  if (unknown !== undefined)
    throw new RangeError(`no curve by "${unknown}"; there are: ${Object.keys(CURVES).join(", ")}`);
  const folder = join(repositoryRoot, "bench", options.quick ? "results" : "curves");
  await mkdir(folder, { recursive: true });
  const rows: BenchRow[] = [];
  for (const [name, draw] of Object.entries(CURVES)) {
    if (names.length > 0 && !names.includes(name)) continue;
    for (const curve of [await draw(options)].flat()) {
      await writeFile(join(folder, `${curve.name}.svg`), drawCurve(curve));
      rows.push(...curve.points.map(({ x, ...figure }) => ({ curve: curve.name, at: x, unit: curve.unit, ...figure })));
      options.say(`${curve.name}: drawn`);
    }
  }
  return rows;
}
