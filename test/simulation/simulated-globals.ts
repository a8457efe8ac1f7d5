// Puts simulated time and chance under everything that runs: timers, clocks, node:crypto. A timer belongs to the process
// whose code set it.
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import timersPromises from "node:timers/promises";
import FakeTimers, { type Clock } from "@sinonjs/fake-timers";
import type { Chance } from "../decide/chance.ts";
import { currentProcess, type SimulatedProcess } from "./simulated-process.ts";

export interface SimulatedGlobals {
  readonly clock: Clock;
  /** Belongs to the world, whoever's code asks for it. */
  readonly after: (ms: number, act: () => void) => void;
  /** Until everything that could run without time going on has run. */
  readonly settle: () => Promise<void>;
  readonly restore: () => void;
}

/** A timer that a process has set. */
interface Timer {
  readonly id: unknown;
  /** It went off while its process was paused, and has yet to run. */
  isKept: boolean;
  isCleared: boolean;
}

const FAKED = ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] as const;

export function installSimulatedGlobals(startMs: number, chance: Chance): SimulatedGlobals {
  const realImmediate = globalThis.setImmediate;
  const clock = FakeTimers.install({ now: startMs, toFake: [...FAKED], loopLimit: 10_000_000 });
  const fake = { ...pickTimers() };
  let immediates = 0;
  const immediate = (callback: (...args: unknown[]) => void, ...args: unknown[]): NodeJS.Immediate => {
    immediates++;
    return realImmediate(() => {
      immediates--;
      callback(...args);
    });
  };
  const restoreChance = installChance(chance);
  Object.assign(globalThis, ownedTimers(fake), { setImmediate: immediate });
  Date.now = () => clock.now + (currentProcess()?.skewMs ?? 0);
  return {
    clock,
    after: (ms, act) => void fake.setTimeout(act, ms),
    settle: async () => {
      do await new Promise((resolve) => realImmediate(resolve));
      while (immediates > 0);
    },
    restore: () => {
      restoreChance();
      Object.assign(globalThis, { setImmediate: realImmediate });
      clock.uninstall();
    },
  };
}

type Timers = Pick<typeof globalThis, "setTimeout" | "clearTimeout" | "setInterval" | "clearInterval">;

function pickTimers(): Timers {
  const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
  return { setTimeout, clearTimeout, setInterval, clearInterval };
}

/** Of a process that is dead. */
const NEVER = { ref: () => NEVER, unref: () => NEVER, hasRef: () => false, refresh: () => NEVER };

/** The timers of a process end with it; while it is paused they wait, an interval at most once. */
function ownedTimers(fake: Timers): object {
  const timers = new WeakMap<object, Timer>();
  const owned = new WeakMap<SimulatedProcess, Set<object>>();
  const ofProcess = (owner: SimulatedProcess): Set<object> => {
    const found = owned.get(owner);
    if (found !== undefined) return found;
    const ids = new Set<object>();
    owned.set(owner, ids);
    owner.onKilled(() => {
      for (const id of ids) fake.clearTimeout(id as NodeJS.Timeout);
    });
    return ids;
  };
  const start =
    (begin: (callback: () => void, ms?: number) => unknown, isOnce: boolean) =>
    (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): unknown => {
      const owner = currentProcess();
      if (owner === undefined) return begin(() => callback(...args), ms);
      if (owner.state() === "dead") return NEVER;
      const ids = ofProcess(owner);
      const timer: Timer = {
        id: begin(() => {
          if (timer.isKept) return;
          timer.isKept = true;
          if (isOnce) ids.delete(timer.id as object);
          owner.enter(() => {
            timer.isKept = false;
            if (!timer.isCleared) callback(...args);
          });
        }, ms),
        isKept: false,
        isCleared: false,
      };
      timers.set(timer.id as object, timer);
      ids.add(timer.id as object);
      return timer.id;
    };
  const clear = (id: unknown): void => {
    if (typeof id !== "object" || id === null || id === NEVER) return;
    const timer = timers.get(id);
    if (timer !== undefined) timer.isCleared = true;
    fake.clearTimeout(id as NodeJS.Timeout);
    const owner = currentProcess();
    if (owner !== undefined) owned.get(owner)?.delete(id);
  };
  return {
    setTimeout: start(fake.setTimeout, true),
    setInterval: start(fake.setInterval, false),
    clearTimeout: clear,
    clearInterval: clear,
  };
}

/** Tokens, owners and ids come from the seed, and node:timers/promises waits in simulated time. */
function installChance(chance: Chance): () => void {
  const { randomBytes, randomInt, randomUUID } = crypto;
  const { setTimeout: sleep } = timersPromises;
  const draw = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => chance.below(256)));
  Object.assign(crypto, {
    randomBytes: draw,
    randomInt: (least: number, bound?: number) =>
      bound === undefined ? chance.below(least) : least + chance.below(bound - least),
    randomUUID: () =>
      draw(16)
        .toString("hex")
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
  });
  Object.assign(timersPromises, { setTimeout: sleepSimulated });
  syncBuiltinESMExports();
  return () => {
    Object.assign(crypto, { randomBytes, randomInt, randomUUID });
    Object.assign(timersPromises, { setTimeout: sleep });
    syncBuiltinESMExports();
  };
}

function sleepSimulated(
  ms: number,
  value?: unknown,
  options: { readonly signal?: AbortSignal } = {},
): Promise<unknown> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(new Error("the wait was aborted"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve(value);
    }, ms);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
