// A decision loop on a given Redis, as the engine runs it, without the outside: for tests of what must hold inside.
import { readRulebookFolder } from "../engine/cli/read-rulebook.ts";
import { connectRedis } from "../engine/journal/redis.ts";
import { repositoryRoot } from "../engine/journal/source-file.ts";
import { createLog } from "../engine/observe/log.ts";
import { createMetrics, type Metrics } from "../engine/observe/metrics.ts";
import { AT_ONCE } from "../engine/partition/compiler.ts";
import { createDecisionLoop, type DecisionLoop, type DecisionLoopOptions } from "../engine/partition/decision-loop.ts";
import { createLoopMeter } from "../engine/partition/loop-meter.ts";
import { readLocalRulebook } from "../engine/partition/rulebook-library.ts";

export interface RunningLoop {
  readonly loop: DecisionLoop;
  readonly metrics: Metrics;
  /** Resolves when it has stopped cleanly. */
  readonly stop: () => Promise<void>;
}

let started = 0;

export async function startLoop(
  redisUrl: string,
  changes: Partial<DecisionLoopOptions> & {
    readonly rulesDir?: string;
    readonly modelsDir?: string;
    /** Told before it runs: it may have to wait. */
    readonly onCreated?: (loop: DecisionLoop) => void;
  } = {},
): Promise<RunningLoop> {
  const rulesDir = changes.rulesDir ?? `${repositoryRoot}/test/fixtures/rules-small`;
  const modelsDir = changes.modelsDir ?? `${repositoryRoot}/test/fixtures/no-models`;
  const readLocal = async () => readLocalRulebook(await readRulebookFolder(rulesDir), modelsDir);
  const local = await readLocal();
  if (local.kind === "faulty") throw new Error(JSON.stringify(local.faults, null, 1));
  const metrics = createMetrics({ version: "test", node: process.version });
  const loop = createDecisionLoop({
    connect: (silenceMs) => connectRedis({ url: redisUrl, silenceMs }),
    partitions: 4,
    owner: `test-${process.pid}-${started++}`,
    address: "127.0.0.1:0",
    leaseMs: 1_000,
    isGone: () => false,
    silenceMs: 2_000,
    entriesPerReadMax: 1_000,
    local,
    scorer: {},
    compiler: AT_ONCE,
    quotas: { againMs: 20, pollMs: 50, idleMs: 200 },
    log: createLog({ level: "warn", readable: true, write: (line) => void process.stdout.write(line) }),
    readLocal,
    activationPollMs: 250,
    erasurePollMs: 50,
    meter: createLoopMeter(metrics),
    clock: Date.now,
    asksMax: 1_000,
    asksPerStepMax: 256,
    entriesPerStepMax: 4_000,
    holdMs: 0, // whatever may come between two of its pieces does
    profilesMax: 100_000,
    recoveryEntriesMax: 10_000,
    profilesPerCommitMax: 256,
    writeBackAfterMs: 30_000,
    idleMs: 5_000,
    onSession: () => async () => undefined,
    onTaken: async () => undefined,
    onGone: async () => undefined,
    ...changes,
  });
  changes.onCreated?.(loop);
  const running = loop.run();
  const failed = running.then(
    () => undefined,
    (error: unknown) => error,
  );
  while (!loop.engine.ready().ok) {
    const failure = await Promise.race([
      failed,
      new Promise<"later">((resolve) => setTimeout(() => resolve("later"), 5)),
    ]);
    if (failure !== "later") throw failure ?? new Error("the loop ended before it was ready");
  }
  return {
    loop,
    metrics,
    stop: async () => {
      loop.stop();
      await running;
    },
  };
}
