// Runs one target over many inputs. A failure names the run, the seed and the bytes, which then belong among the named cases.
import { test } from "vitest";
import { type Chance, chanceOf, inputs, SEED } from "./chance.ts";
import { mutateBytes } from "./mutate-bytes.ts";

export interface Target {
  readonly name: string;
  /** Inputs that are right, to begin with. */
  readonly from: readonly (string | Uint8Array)[];
  readonly some: number;
  readonly many: number;
  /** What came of it: a word that is counted. Throws where the target did what it must not. */
  readonly judge: (bytes: Buffer<ArrayBuffer>, chance: Chance) => string | Promise<string>;
  /** Where changed bytes alone say too little. */
  readonly mutate?: (seed: Buffer, chance: Chance, all: readonly Buffer[]) => Uint8Array;
  /** Outcomes of which there must be some: else the inputs are too wild, or too tame. */
  readonly expect: readonly string[];
}

export function fuzzTarget({ name, from, some, many, judge, mutate = mutateBytes, expect }: Target): void {
  const runs = inputs(some, many);
  test(`${name} (${runs} inputs, NBA_SEED=${SEED})`, { timeout: 1_800_000 }, async () => {
    const chance = chanceOf(name);
    const seeds = from.map((each) => Buffer.from(each as Uint8Array));
    const prototype = Object.getOwnPropertyNames(Object.prototype).join();
    const counts = new Map<string, number>();
    for (let run = 0; run < runs; run++) {
      const bytes = Buffer.from(
        run < seeds.length ? (seeds[run] as Buffer) : mutate(chance.pick(seeds), chance, seeds),
      );
      const outcome = await judged(judge, bytes, chance, run);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    }
    if (Object.getOwnPropertyNames(Object.prototype).join() !== prototype)
      throw new Error("Object.prototype was changed");
    const missing = expect.filter((outcome) => !counts.has(outcome));
    if (missing.length > 0) throw new Error(`never ${missing.join(", ")}: ${JSON.stringify([...counts])}`);
  });
}

async function judged(
  judge: Target["judge"],
  bytes: Buffer<ArrayBuffer>,
  chance: Chance,
  run: number,
): Promise<string> {
  try {
    return await judge(bytes, chance);
  } catch (error) {
    const text = bytes.toString("latin1").slice(0, 2_000);
    const why = `run ${run}, NBA_SEED=${SEED}, ${bytes.length} bytes ${JSON.stringify(text)} ${bytes.toString("hex").slice(0, 4_000)}`;
    throw new Error(why, { cause: error });
  }
}
