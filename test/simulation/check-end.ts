// The end of a run: everything comes to rest, screens and profiles are as they should be, and a new engine finds the same.
import { type CustomerKey, customerKey, type PartitionIndex } from "../../engine/domain/ids.ts";
import type { CustomerLook } from "../../engine/engine.ts";
import { existing } from "./database.ts";
import { type EngineUnderTest, PARTITIONS } from "./engine-under-test.ts";
import type { Fleet } from "./fleet.ts";
import { expectedOf, isMoved } from "./invariants.ts";
import { streamOf } from "./journals.ts";
import type { Observer } from "./observer.ts";
import type { RedisServer } from "./redis-server.ts";
import type { Screens } from "./screens.ts";
import { CUSTOMERS, DEVICES } from "./traffic.ts";
import type { World } from "./world.ts";

/** So long after the last fault everything has come right, or never does. */
export const PEACE_MS = 40_000;
/** After the last event timers go off for so long at most, those that decisions made by other timers have armed included. */
const QUIET_MS = 30_000;
/** Longer than anything waits that was refused, but the timers. */
const REST_MS = 2_000;
/** Longer than anything is on its way whose sender was killed. */
const ARRIVED_MS = 1_000;
/** A partition may just be on its way from one engine to another. */
const LOOK_AGAIN_MS = 100;
const LOOKS_MS = 10_000;
/** What is due later than this is the expiry of what is on screens, and no run waits for it. */
const FAR_MS = 3_600_000;

/** Everything that was sent was moved and folded by somebody who owns it. */
export function isSettled(server: RedisServer, fleet: Fleet): boolean {
  if (!isMoved(server)) return false;
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

export async function checkEnd(
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
  if (!isTrimmed && world.chance.is(0.5)) {
    // A commit on its way would write a base, and only those hashes of the ring that are newer than what is taken away here.
    await letArrive(world);
    forgetCheckpoints(server);
  }
  fleet.start();
  const isBack = await world.run(PEACE_MS, () => isSettled(server, fleet));
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
  const isAtRest = (): boolean => isSettled(server, fleet) && !isAnythingDue(server, world.now() + FAR_MS);
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

/** What was sent before is executed, or is not any more. */
async function letArrive(world: World): Promise<void> {
  let isOver = false;
  world.after(ARRIVED_MS, () => {
    isOver = true;
  });
  await world.run(ARRIVED_MS, () => isOver);
}

/** So that everything is folded again from the first entry. Nothing may be on its way that was built on what goes here. */
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
