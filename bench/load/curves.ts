// `npm run bench -- --curves`: draws how the cost of an event and of a decision grows, into bench/curves/.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BenchOptions, BenchRow } from "../../engine/cli/bench.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { type Curve, drawCurve } from "./curve.ts";
import { eventsByBacklog, eventsByPartitions, nbasBySockets } from "./engine-curves.ts";
import { byCustomers, decideByActions, foldByFeatures } from "./pure-curves.ts";

const CURVES: readonly ((options: BenchOptions) => Promise<Curve | readonly Curve[]>)[] = [
  decideByActions,
  foldByFeatures,
  byCustomers,
  eventsByPartitions,
  nbasBySockets,
  eventsByBacklog,
];

/** The points of all curves. Of a quick run nothing is drawn over what is there: under bench/results/ instead. */
export async function runCurves(options: BenchOptions): Promise<readonly BenchRow[]> {
  const folder = join(repositoryRoot, "bench", options.quick ? "results" : "curves");
  await mkdir(folder, { recursive: true });
  const rows: BenchRow[] = [];
  for (const draw of CURVES) {
    for (const curve of [await draw(options)].flat()) {
      await writeFile(join(folder, `${curve.name}.svg`), drawCurve(curve));
      rows.push(...curve.points.map(({ x, ...figure }) => ({ curve: curve.name, at: x, unit: curve.unit, ...figure })));
      options.say(`${curve.name}: drawn`);
    }
  }
  return rows;
}
