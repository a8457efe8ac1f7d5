// One engine's process in the simulated world. What it starts belongs to it, through every await; it may be stopped for
// a while, or killed between any two of its effects, and then nothing of it ever happens again.
import { AsyncLocalStorage } from "node:async_hooks";

export interface SimulatedProcess {
  readonly name: string;
  readonly state: () => "running" | "paused" | "dead";
  /** How far its wall clock is off, in ms. */
  skewMs: number;
  /** Runs this in the process: now, when it goes on where it is paused, never where it is dead. */
  readonly enter: (act: () => void) => void;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly kill: () => void;
  readonly onKilled: (listener: () => void) => void;
}

const current = new AsyncLocalStorage<SimulatedProcess>();

/** Whose code runs just now; undefined: the world's. */
export function currentProcess(): SimulatedProcess | undefined {
  return current.getStore();
}

/** `onEntered` is told whenever some of its code has run. */
export function createSimulatedProcess(name: string, onEntered: () => void): SimulatedProcess {
  let state: "running" | "paused" | "dead" = "running";
  let kept: (() => void)[] = [];
  const listeners: (() => void)[] = [];
  const enter = (act: () => void): void => {
    if (state === "paused") kept.push(act);
    if (state !== "running") return;
    onEntered();
    current.run(process, act);
  };
  const process: SimulatedProcess = {
    name,
    state: () => state,
    skewMs: 0,
    enter,
    pause: () => {
      if (state === "running") state = "paused";
    },
    resume: () => {
      if (state !== "paused") return;
      state = "running";
      const acts = kept;
      kept = [];
      for (const act of acts) enter(act);
    },
    kill: () => {
      if (state === "dead") return;
      state = "dead";
      kept = [];
      for (const listener of listeners) listener();
    },
    onKilled: (listener) => void listeners.push(listener),
  };
  return process;
}
