// What goes wrong in one run: which kinds, how often and when, by the seed.
import type { Chance } from "../decide/chance.ts";
import type { Fleet } from "./fleet.ts";
import type { Fate, Network } from "./network.ts";
import type { RedisServer } from "./redis-server.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

export interface Faults {
  readonly delayMs: () => number;
  readonly fate: (isCommit: boolean) => Fate;
  readonly onSend: (process: SimulatedProcess) => void;
  readonly modelFate: () => ModelFate;
  readonly serverSkewMs: () => number;
  readonly isServerUp: () => boolean;
  /** Lays out what is to happen within the next `forMs`. */
  readonly begin: (reach: Reach, forMs: number) => void;
  /** From now on nothing goes wrong any more, and clocks are right again; what has begun takes its course. */
  readonly end: (fleet: Fleet) => void;
}

/** What becomes of a call of a model: it takes so long, and fails perhaps. */
export interface ModelFate {
  readonly tookMs: number;
  readonly isFailing: boolean;
}

/** What faults act upon. */
export interface Reach {
  readonly network: Network;
  readonly server: RedisServer;
  readonly fleet: Fleet;
  /** Redis was started anew; `lost`: without some of what it had written. */
  readonly onRestarted: (isLost: boolean) => void;
}

export const ENGINES = 2;
/** Commits are few among all that is sent, and they are what everything depends on. */
const COMMITS_SUFFER = 8;

export function createFaults(world: World): Faults {
  const { chance } = world;
  const isCalm = chance.is(0.08);
  const perParcel = isCalm ? 0 : chance.pick([0, 0.0005, 0.002, 0.006]);
  const spreadMs = chance.pick([1, 3, 12]);
  const perCall = isCalm ? 0 : chance.pick([0, 0.02, 0.2]);
  const state = { isOn: true, isUp: true, serverSkewMs: 0 };
  /** Sends left until the process dies, in the middle of whatever it does. */
  const doomed = new Map<SimulatedProcess, number>();
  let onDeath: () => void = () => undefined;

  const fate = (isCommit: boolean): Fate => {
    const share = isCommit ? perParcel * COMMITS_SUFFER : perParcel;
    if (!state.isOn || perParcel === 0 || !chance.is(share)) return ARRIVES;
    const found = fateOf(chance);
    world.fault(`network: ${found.kind}`);
    return found;
  };
  const modelFate = (): ModelFate => {
    if (!state.isOn || perCall === 0 || !chance.is(perCall)) return { tookMs: 0, isFailing: false };
    const isFailing = chance.is(0.2);
    world.fault(isFailing ? "model fails" : "slow model");
    return { tookMs: 1 + chance.below(chance.pick([40, 200, 2_000])), isFailing };
  };
  const begin = (reach: Reach, forMs: number): void => {
    const { fleet } = reach;
    onDeath = () => world.after(100 + chance.below(3_000), fleet.start);
    if (isCalm) return;
    const kinds: readonly (() => void)[] = [
      () => crash(world, reach, doomed),
      () => crash(world, reach, doomed),
      () => pause(world, fleet),
      () => pause(world, fleet),
      () => jump(world, fleet),
      () => restartEngine(world, fleet),
      () => restartServer(world, reach, state),
    ].filter(() => chance.is(0.6));
    if (kinds.length === 0) return;
    const count = 1 + chance.below(7);
    for (let at = 0; at < count; at++) {
      const act = chance.pick(kinds);
      world.after(500 + chance.below(forMs), () => {
        if (state.isOn) act();
      });
    }
  };
  return {
    delayMs: () => (chance.is(0.02) ? chance.below(spreadMs * 20) : chance.below(spreadMs)) + 1,
    fate,
    modelFate,
    onSend: (process) => {
      const left = doomed.get(process);
      if (left === undefined) return;
      doomed.set(process, left - 1);
      if (left > 0) return;
      doomed.delete(process);
      if (!state.isOn) return;
      world.fault("crash");
      world.note(`${process.name} is killed`);
      process.kill();
      onDeath();
    },
    serverSkewMs: () => state.serverSkewMs,
    isServerUp: () => state.isUp,
    begin,
    end: (fleet) => {
      for (const { process } of fleet.engines()) process.skewMs = 0;
      state.isOn = false;
      doomed.clear();
    },
  };
}

const ARRIVES: Fate = { kind: "arrives" };

function fateOf(chance: Chance): Fate {
  switch (chance.below(4)) {
    case 0:
      return { kind: "cut", share: chance.below(100) / 100 };
    case 1:
      return { kind: "unanswered", share: chance.below(100) / 100 };
    case 2:
      if (chance.is(0.4)) return { kind: "late", lateMs: 8_000, untilTaken: true };
      return { kind: "late", lateMs: 5 + chance.below(chance.pick([50, 1_000, 8_000])), untilTaken: false };
    default:
      return { kind: "slow", slowMs: 100 + chance.below(4_000) };
  }
}

/** In the middle of something: at one of the next things that it sends. */
function crash(world: World, { fleet }: Reach, doomed: Map<SimulatedProcess, number>): void {
  const engines = fleet.engines().filter(({ process }) => process.state() === "running");
  if (engines.length > 0) doomed.set(world.chance.pick(engines).process, world.chance.below(60));
}

/** As SIGSTOP and SIGCONT do, often for longer than a lease. */
function pause(world: World, fleet: Fleet): void {
  const running = fleet.engines().filter(({ process }) => process.state() === "running");
  if (running.length === 0) return;
  const { process } = world.chance.pick(running);
  world.fault("pause");
  world.note(`${process.name} is paused`);
  process.pause();
  world.after(100 + world.chance.below(7_000), () => {
    world.note(`${process.name} goes on`);
    process.resume();
  });
}

/** The wall clock of an engine jumps, and often back again. */
function jump(world: World, fleet: Fleet): void {
  const { chance } = world;
  const engines = fleet.engines();
  if (engines.length === 0) return;
  const { process } = chance.pick(engines);
  world.fault("clock jump");
  const byMs = chance.below(16_000) - 8_000;
  process.skewMs += byMs;
  world.note(`the clock of ${process.name} jumps by ${byMs}`);
  if (chance.is(0.7)) {
    world.after(chance.below(6_000), () => {
      process.skewMs = 0;
    });
  }
}

function restartEngine(world: World, fleet: Fleet): void {
  const running = fleet.engines().filter(({ process }) => process.state() === "running");
  if (running.length === 0) return;
  const engine = world.chance.pick(running);
  world.fault("clean stop");
  world.note(`${engine.process.name} is asked to stop`);
  engine.process.enter(() => {
    void engine.stop().then(() => {
      if (engine.process.state() === "dead") return;
      engine.process.kill();
      world.after(world.chance.below(1_000), fleet.start);
    });
  });
}

/** Redis comes back after a while; as after a failover without the last that it had written, and by another clock. */
function restartServer(
  world: World,
  { network, server, onRestarted }: Reach,
  state: { isUp: boolean; serverSkewMs: number },
): void {
  const { chance } = world;
  if (!state.isUp) return;
  state.isUp = false;
  network.stopServer();
  const units = chance.is(0.5) ? 0 : 1 + chance.below(chance.pick([3, 30, 120]));
  world.fault(units > 0 ? "redis lost its tail" : "redis restart");
  if (chance.is(0.4)) {
    state.serverSkewMs = -chance.below(4_000);
    world.fault("clock of redis behind");
  }
  world.after(20 + chance.below(1_500), () => {
    server.restart(units);
    world.note(`redis is back without ${units}, ${server.units()} are left`);
    state.isUp = true;
    network.startServer();
    onRestarted(units > 0);
  });
}
