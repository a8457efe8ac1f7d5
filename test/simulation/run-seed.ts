// One run: the world of a seed, its engines, its traffic, its faults, and then peace in which everything has to come right.
import { createHash } from "node:crypto";
import { type CustomerKey, customerKey } from "../../engine/domain/ids.ts";
import type { LocalRulebook } from "../../engine/partition/rulebook-library.ts";
import type { Retention } from "../../engine/retain/retention.ts";
import type { Broken } from "./broken.ts";
import { startCanary, tracesIn } from "./canary.ts";
import { checkEnd, isSettled, PEACE_MS } from "./check-end.ts";
import { PARTITIONS } from "./engine-under-test.ts";
import { createFaults, ENGINES } from "./faults.ts";
import { createFleet } from "./fleet.ts";
import { checkJournals, checkLogs } from "./invariants.ts";
import { createNetwork } from "./network.ts";
import { COMMIT, createObserver } from "./observer.ts";
import { createRedisServer } from "./redis-server.ts";
import { startScreens } from "./screens.ts";
import { CUSTOMERS, DEVICES, startTraffic } from "./traffic.ts";
import { createWorld, EPOCH_MS, type World } from "./world.ts";

export interface Run {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly faults: ReadonlyMap<string, number>;
  readonly simulatedMs: number;
  readonly decisions: number;
  readonly events: number;
  readonly answers: ReadonlyMap<string, number>;
  /** Equal for two runs of the same seed. */
  readonly trace: string;
  /** The end of the trace, for people. */
  readonly notes: readonly string[];
}

export interface RunOptions {
  readonly local: Extract<LocalRulebook, { kind: "sound" }>;
  readonly broken?: Broken;
  /** Two thirds of the traffic, and of its time: another run than the whole one of the same seed. */
  readonly isShort?: boolean;
}

const WHOLE = { events: 140, forMs: 9_000 };
const SHORT = { events: 90, forMs: 6_000 };
/**
 * Of those runs in which what is over goes while they last. Logs go soon, commits later than anybody asks again under the same key,
 * by a clock that may be 8 s ahead: an answer that was let go is not given again.
 */
const RETENTION: Retention = { journalMs: 18_000, logMs: 3_000, bytes: 2 ** 30 };

export async function runSeed(seed: number, options: RunOptions): Promise<Run> {
  const world = createWorld(seed);
  try {
    return await runIn(world, seed, options);
  } finally {
    await world.end();
  }
}

async function runIn(world: World, seed: number, { local, broken, isShort }: RunOptions): Promise<Run> {
  const { events, forMs } = isShort === true ? SHORT : WHOLE;
  const faults = createFaults(world);
  const server = createRedisServer({
    rewrite: broken?.rewrite ?? ((source) => source),
    runId: () =>
      createHash("sha1")
        .update(String(world.chance.below(2 ** 31)))
        .digest("hex"),
    maySpan: (source) => source === COMMIT,
  });
  const observer = createObserver(server, PARTITIONS);
  server.onExecuted(({ written }) => {
    for (const [name, key] of written)
      if (name === "XTRIM" && /:(journal|events)$/.test(key ?? "")) world.fault("trimmed");
  });
  const network = createNetwork(world, server, {
    ...faults,
    fate: faults.fate,
  });
  const retention = world.chance.is(0.3) ? RETENTION : undefined;
  const fleet = createFleet(world, {
    connect: async (process, silenceMs) => {
      const connection = await network.connect(process, silenceMs);
      return broken?.connection?.(connection) ?? connection;
    },
    local,
    modelFate: faults.modelFate,
    retention,
    delayMs: faults.delayMs,
    isLost: () => faults.fate(false).kind === "cut",
    onCommitted: ({ decisions }) => {
      for (const { id } of decisions) {
        if (!observer.committed.has(id)) observer.violate(`S2: the decision ${id} was told and never committed`);
      }
    },
  });
  for (let count = 0; count < ENGINES; count++) fleet.start();
  const traffic = startTraffic(world, {
    server,
    isServerUp: faults.isServerUp,
    serverSkewMs: faults.serverSkewMs,
    fleet,
    observer,
    events,
    forMs,
  });
  const canary = world.chance.is(0.25) ? startCanary(world, { fleet, execute: traffic.execute }) : undefined;
  faults.begin(
    {
      network,
      server,
      fleet,
      onRestarted: (isLost) => {
        observer.restarted();
        if (isLost) canary?.lost();
        if (isLost) traffic.lost(server.units());
      },
    },
    forMs,
  );
  // They cost a third of a run.
  const followed = world.chance.is(0.5) ? [...CUSTOMERS.map(customerKey), `anon:${DEVICES[0]}` as CustomerKey] : [];
  const screens = startScreens(world, fleet, followed);
  const isBroken = (): boolean => observer.violations.length > 0 || fleet.failures().length > 0;
  await world.run(forMs, isBroken);
  faults.end(fleet);
  screens.settle();
  const isAllDone = (): boolean => traffic.sent() >= events && isSettled(server, fleet);
  const isDone = await world.run(PEACE_MS, () => isBroken() || isAllDone());
  for (const failure of fleet.failures()) observer.violate(`an engine ended: ${failure.stack}`);
  if (!isDone) observer.violate(`liveness: not everything was folded ${PEACE_MS} ms after the last fault`);
  if (!isBroken() && canary !== undefined && !(await world.run(PEACE_MS, canary.isErased))) {
    observer.violate(`ERA-5: an erasure was not done ${PEACE_MS} ms after the last fault`);
  }
  if (!isBroken()) await checkEnd(world, server, fleet, observer, screens, retention !== undefined);
  if (canary?.isErased()) for (const key of tracesIn(server)) observer.violate(`ERA-3: ${key} names who was erased`);
  checkJournals(server, observer);
  checkLogs(traffic.acknowledged(), observer);
  return {
    seed,
    violations: observer.violations,
    faults: world.faults,
    simulatedMs: world.now() - EPOCH_MS,
    decisions: observer.committed.size,
    events: traffic.sent(),
    answers: traffic.answers,
    trace: world.trace(),
    notes: world.lastNotes(),
  };
}
