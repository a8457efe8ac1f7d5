// One run: the world of a seed, its engines, its traffic, its faults, and then peace in which everything has to come right.
import { createHash } from "node:crypto";
import { type CustomerKey, customerKey } from "../../engine/domain/ids.ts";
import type { CustomerLook } from "../../engine/engine.ts";
import type { LocalRulebook } from "../../engine/partition/rulebook-library.ts";
import type { Broken } from "./broken.ts";
import { PARTITIONS } from "./engine-under-test.ts";
import { createFaults, ENGINES } from "./faults.ts";
import { createFleet, type Fleet } from "./fleet.ts";
import { checkJournals, checkLogs, expectedOf, isMoved } from "./invariants.ts";
import { streamOf } from "./journals.ts";
import { createNetwork } from "./network.ts";
import { createObserver, type Observer } from "./observer.ts";
import { createRedisServer, type RedisServer } from "./redis-server.ts";
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
}

const EVENTS = 260;
const TRAFFIC_MS = 16_000;
/** So long after the last fault everything has come right, or never does. */
const PEACE_MS = 40_000;
/** Longer than any timer of the rules: afterwards nothing is due. */
const QUIET_MS = 12_000;

export async function runSeed(seed: number, options: RunOptions): Promise<Run> {
  const world = createWorld(seed);
  try {
    return await runIn(world, seed, options);
  } finally {
    world.end();
  }
}

async function runIn(world: World, seed: number, { local, broken }: RunOptions): Promise<Run> {
  const faults = createFaults(world);
  const server = createRedisServer({
    rewrite: broken?.rewrite ?? ((source) => source),
    runId: () =>
      createHash("sha1")
        .update(String(world.chance.below(2 ** 31)))
        .digest("hex"),
  });
  const observer = createObserver(server, PARTITIONS);
  const network = createNetwork(world, server, faults);
  const fleet = createFleet(world, {
    connect: async (process, silenceMs) => {
      const connection = await network.connect(process, silenceMs);
      return broken?.connection?.(connection) ?? connection;
    },
    local,
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
    events: EVENTS,
    forMs: TRAFFIC_MS,
  });
  faults.begin(
    {
      network,
      server,
      fleet,
      onRestarted: (isLost) => {
        observer.restarted();
        if (isLost) traffic.lost(server.units());
      },
    },
    TRAFFIC_MS,
  );
  const isBroken = (): boolean => observer.violations.length > 0 || fleet.failures().length > 0;
  await world.run(TRAFFIC_MS, isBroken);
  faults.end();
  const isDone = await world.run(PEACE_MS, () => isBroken() || isSettled(server, fleet, traffic.sent()));
  for (const failure of fleet.failures()) observer.violate(`an engine ended: ${failure.stack}`);
  if (!isDone) observer.violate(`liveness: not everything was folded ${PEACE_MS} ms after the last fault`);
  if (!isBroken()) await checkEnd(world, server, fleet, observer);
  checkJournals(server, observer);
  checkLogs(server, traffic.acknowledged(), observer);
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

/** Everything was moved and folded by somebody who owns it. */
function isSettled(server: RedisServer, fleet: Fleet, sent: number): boolean {
  if (sent < EVENTS || !isMoved(server)) return false;
  for (let index = 0; index < PARTITIONS; index++) {
    const last = streamOf(server, `nba:{${index}}:events`);
    const owners = fleet.engines().filter(({ loop }) => loop.engine.ready().ok);
    const partition = owners
      .map(({ session }) => session()?.owned(index as never))
      .find((found) => found !== undefined);
    if (partition === undefined) return false;
    if (last !== undefined && partition.position !== `${last.lastMs}-${last.lastSeq}`) return false;
  }
  return true;
}

async function checkEnd(world: World, server: RedisServer, fleet: Fleet, observer: Observer): Promise<void> {
  await world.run(QUIET_MS, () => false);
  const before = await looks(world, fleet, observer);
  checkProfiles(server, before, observer);
  for (const engine of fleet.engines()) fleet.kill(engine);
  if (world.chance.is(0.5)) forgetCheckpoints(server);
  fleet.start();
  const isBack = await world.run(PEACE_MS, () => isSettled(server, fleet, EVENTS));
  if (!isBack) {
    observer.violate("liveness: a new engine did not recover");
    return;
  }
  const after = await looks(world, fleet, observer);
  for (const [key, look] of before) {
    const [was, is] = [comparable(look), comparable(after.get(key))];
    if (was !== is) observer.violate(`S5: ${key} was ${was} and is after recovery ${is}`);
  }
}

/** So that everything is folded again from the first entry. */
function forgetCheckpoints({ db }: RedisServer): void {
  for (let index = 0; index < PARTITIONS; index++) {
    const checkpoint = db.values.get(`nba:{${index}}:checkpoint`);
    if (checkpoint?.kind === "hash") checkpoint.fields.delete("base");
    db.values.delete(`nba:{${index}}:seen`);
    for (const key of [...db.values.keys()]) if (key.startsWith(`nba:{${index}}:profile:`)) db.values.delete(key);
  }
}

type Looks = ReadonlyMap<CustomerKey, CustomerLook | undefined>;

async function looks(world: World, fleet: Fleet, observer: Observer): Promise<Looks> {
  const keys = [...CUSTOMERS.map(customerKey), ...DEVICES.map((device) => `anon:${device}` as CustomerKey)];
  const found = new Map<CustomerKey, CustomerLook | undefined>();
  for (const key of keys) {
    const engine = fleet.ownerOf(key);
    engine?.process.enter(() => {
      engine.loop.engine.look(key).then(
        (look) => found.set(key, look),
        (error: Error) => observer.violate(`${key} could not be looked at: ${error.message}`),
      );
    });
  }
  const isThere = await world.run(5_000, () => found.size === keys.length);
  if (!isThere) observer.violate(`liveness: ${keys.length - found.size} looks were not answered`);
  return found;
}

function checkProfiles(server: RedisServer, found: Looks, { violate }: Observer): void {
  const joined = new Map<string, string>();
  for (const [key, look] of found) if (look?.joinedTo !== undefined) joined.set(key, look.joinedTo);
  for (const [key, look] of found) {
    if (joined.has(key)) continue;
    const keys = new Set([key, ...[...joined].filter(([, customer]) => customer === key).map(([device]) => device)]);
    const expected = expectedOf(server, keys as ReadonlySet<string>);
    const views = look?.features["views"] ?? 0;
    const spend = look?.features["spend"] ?? 0;
    if (views !== expected.views || spend !== expected.spend) {
      violate(`S1: ${key} has ${views} views and ${spend} spent, and should have ${JSON.stringify(expected)}`);
    }
  }
}

/** What does not depend on when it was looked at. */
function comparable(look: CustomerLook | undefined): string {
  if (look === undefined) return "nothing";
  const { attributes, features, contacts, consents, patterns, held, joinedTo, absorbed } = look;
  return JSON.stringify({ attributes, features, contacts, consents, patterns, held, joinedTo, absorbed });
}
