// One run: the world of a seed, its engines, its traffic, its faults, and then peace in which everything has to come right.
import { createHash } from "node:crypto";
import { type CustomerKey, customerKey, type PartitionIndex } from "../../engine/domain/ids.ts";
import type { CustomerLook } from "../../engine/engine.ts";
import type { LocalRulebook } from "../../engine/partition/rulebook-library.ts";
import type { Retention } from "../../engine/retain/retention.ts";
import type { Broken } from "./broken.ts";
import { startCanary, tracesIn } from "./canary.ts";
import { existing } from "./database.ts";
import { type EngineUnderTest, PARTITIONS } from "./engine-under-test.ts";
import { createFaults, ENGINES } from "./faults.ts";
import { createFleet, type Fleet } from "./fleet.ts";
import { checkJournals, checkLogs, expectedOf, isMoved } from "./invariants.ts";
import { streamOf } from "./journals.ts";
import { createNetwork } from "./network.ts";
import { createObserver, type Observer } from "./observer.ts";
import { createRedisServer, type RedisServer } from "./redis-server.ts";
import { type Screens, startScreens } from "./screens.ts";
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

const EVENTS = 140;
const TRAFFIC_MS = 9_000;
/** So long after the last fault everything has come right, or never does. */
const PEACE_MS = 40_000;
/** After the last event timers go off for so long at most, those that decisions made by other timers have armed included. */
const QUIET_MS = 30_000;
/** Longer than anything waits that was refused, but the timers. */
const REST_MS = 2_000;
/** Of those runs in which what is over goes while they last. */
const RETENTION: Retention = { journalMs: 4_000, logMs: 3_000, bytes: 2 ** 30 };
/** A partition may just be on its way from one engine to another. */
const LOOK_AGAIN_MS = 100;
const LOOKS_MS = 10_000;
/** What is due later than this is the expiry of what is on screens, and no run waits for it. */
const FAR_MS = 3_600_000;

export async function runSeed(seed: number, options: RunOptions): Promise<Run> {
  const world = createWorld(seed);
  try {
    return await runIn(world, seed, options);
  } finally {
    await world.end();
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
  server.onExecuted(({ written }) => {
    for (const [name, key] of written)
      if (name === "XTRIM" && key?.endsWith(":journal")) world.fault("journal trimmed");
  });
  const network = createNetwork(world, server, {
    ...faults,
    fate: (isCommit) => (isCommit ? broken?.commitFate?.(world.chance) : undefined) ?? faults.fate(isCommit),
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
    events: EVENTS,
    forMs: TRAFFIC_MS,
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
    TRAFFIC_MS,
  );
  // They cost a third of a run.
  const followed = world.chance.is(0.5) ? [...CUSTOMERS.map(customerKey), `anon:${DEVICES[0]}` as CustomerKey] : [];
  const screens = startScreens(world, fleet, followed);
  const isBroken = (): boolean => observer.violations.length > 0 || fleet.failures().length > 0;
  await world.run(TRAFFIC_MS, isBroken);
  faults.end(fleet);
  screens.settle();
  const isDone = await world.run(PEACE_MS, () => isBroken() || isSettled(server, fleet, traffic.sent()));
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

/** Everything was moved and folded by somebody who owns it. */
function isSettled(server: RedisServer, fleet: Fleet, sent: number): boolean {
  if (sent < EVENTS || !isMoved(server)) return false;
  for (let index = 0; index < PARTITIONS; index++) {
    const last = streamOf(server, `nba:{${index}}:events`);
    const isOwner = ({ loop }: EngineUnderTest): boolean =>
      loop.engine.ownership(index as PartitionIndex).kind === "here";
    const partition = fleet
      .engines()
      .find(isOwner)
      ?.session()
      ?.owned(index as PartitionIndex);
    if (partition === undefined) return false;
    if (last !== undefined && partition.position !== `${last.lastMs}-${last.lastSeq}`) return false;
  }
  return true;
}

async function checkEnd(
  world: World,
  server: RedisServer,
  fleet: Fleet,
  observer: Observer,
  screens: Screens,
  isTrimmed: boolean,
): Promise<void> {
  if (!(await becomesQuiet(world, server, fleet))) observer.violate(`liveness: no rest within ${QUIET_MS} ms`);
  const isShown = await world.run(LOOKS_MS, () => screens.areCurrent(observer.commits));
  if (!isShown) observer.violate(`ANY-3: not every screen was shown the last of its customer within ${LOOKS_MS} ms`);
  for (const fault of screens.faults(observer.commits)) observer.violate(`ANY-3: ${fault}`);
  const before = await lookAtAll(world, fleet, observer);
  checkProfiles(before, observer);
  for (const engine of fleet.engines()) fleet.kill(engine);
  // A log of which some is gone is not folded from its first entry.
  if (!isTrimmed && world.chance.is(0.5)) forgetCheckpoints(server);
  fleet.start();
  const isBack = await world.run(PEACE_MS, () => isSettled(server, fleet, EVENTS));
  if (!isBack) {
    observer.violate("liveness: a new engine did not recover");
    return;
  }
  const after = await lookAtAll(world, fleet, observer);
  for (const [key, look] of before) {
    const found = difference(comparable(look), comparable(after.get(key)), key);
    if (found !== undefined) observer.violate(`S5: ${found} after recovery`);
  }
}

/** A commit under way may be about to arm a timer, a message about to be handed over: nothing may happen for a while. */
async function becomesQuiet(world: World, server: RedisServer, fleet: Fleet): Promise<boolean> {
  const endMs = world.now() + QUIET_MS;
  const isAtRest = (): boolean => isSettled(server, fleet, EVENTS) && !isAnythingDue(server, world.now() + FAR_MS);
  while (world.now() < endMs) {
    const before = positionsOf(server);
    await world.run(REST_MS, () => false);
    if (isAtRest() && positionsOf(server) === before) return true;
  }
  return false;
}

/** How far all logs, journals and channels have come. */
function positionsOf({ db }: RedisServer): string {
  const streams = [...db.values].flatMap(([key, value]) => (value.kind === "stream" ? [`${key} ${value.added}`] : []));
  return streams.sort().join(" ");
}

function isAnythingDue({ db }: RedisServer, untilMs: number): boolean {
  return Array.from({ length: PARTITIONS }, (_, index) => `nba:{${index}}:timers`).some((key) =>
    [...(existing(db, key, "zset")?.scores.values() ?? [])].some((due) => due < untilMs),
  );
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

async function lookAtAll(world: World, fleet: Fleet, observer: Observer): Promise<Looks> {
  const keys = [...CUSTOMERS.map(customerKey), ...DEVICES.map((device) => `anon:${device}` as CustomerKey)];
  const found = new Map<CustomerKey, CustomerLook | undefined>();
  const look = (key: CustomerKey): void => {
    const again = (): void => world.after(LOOK_AGAIN_MS, () => look(key));
    const engine = fleet.ownerOf(key);
    if (engine === undefined) {
      again();
      return;
    }
    engine.process.enter(() => {
      engine.loop.engine.look(key).then((answer) => found.set(key, answer), again);
    });
  };
  for (const key of keys) look(key);
  const isThere = await world.run(LOOKS_MS, () => found.size === keys.length);
  if (!isThere) observer.violate(`liveness: ${keys.length - found.size} looks were not answered`);
  return found;
}

function checkProfiles(found: Looks, { violate, events }: Observer): void {
  const joined = new Map<string, string>();
  for (const [key, look] of found) if (look?.joinedTo !== undefined) joined.set(key, look.joinedTo);
  for (const [key, look] of found) {
    if (joined.has(key)) continue;
    const keys = new Set([key, ...[...joined].filter(([, customer]) => customer === key).map(([device]) => device)]);
    const expected = expectedOf({ events }, keys as ReadonlySet<string>);
    const views = look?.features["views"] ?? 0;
    const spend = look?.features["spend"] ?? 0;
    if (views !== expected.views || spend !== expected.spend) {
      violate(`S1: ${key} has ${views} views and ${spend} spent, and should have ${JSON.stringify(expected)}`);
    }
  }
}

/** What does not depend on when it was looked at. */
function comparable(look: CustomerLook | undefined): unknown {
  if (look === undefined) return undefined;
  const { attributes, features, contacts, consents, patterns, held, joinedTo, absorbed } = look;
  return { attributes, features, contacts, consents, patterns, held, joinedTo, absorbed };
}

/** The first place where two values are not the same; undefined: they are. */
function difference(was: unknown, is: unknown, place: string): string | undefined {
  const isDeep = typeof was === "object" && typeof is === "object" && was !== null && is !== null;
  if (!isDeep) return Object.is(was, is) ? undefined : `${place} was ${was} and is ${is}`;
  for (const name of new Set([...Object.keys(was), ...Object.keys(is)])) {
    const field = name as keyof object;
    const found = difference(was[field], is[field], `${place}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
