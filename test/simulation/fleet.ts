// The engines of a run: started, killed, paused and replaced, each in a process of its own.
import type { CustomerKey } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import type { Committed } from "../../engine/engine.ts";
import type { RedisConnection } from "../../engine/journal/redis.ts";
import { createLog } from "../../engine/observe/log.ts";
import type { LocalRulebook } from "../../engine/partition/rulebook-library.ts";
import type { Retention } from "../../engine/retain/retention.ts";
import { type EngineUnderTest, PARTITIONS, startEngineUnderTest } from "./engine-under-test.ts";
import type { ModelFate } from "./faults.ts";
import { createSimulatedPeers } from "./simulated-peers.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

export interface Fleet {
  /** Alive, whether they own anything or not. */
  readonly engines: () => readonly EngineUnderTest[];
  readonly start: () => void;
  readonly kill: (engine: EngineUnderTest) => void;
  /** The one that says that it looks after this customer. */
  readonly ownerOf: (key: CustomerKey) => EngineUnderTest | undefined;
  /** Ended by themselves, with something that is no trouble of the surroundings. */
  readonly failures: () => readonly Error[];
}

export interface FleetOptions {
  readonly connect: (process: SimulatedProcess, silenceMs: number) => Promise<RedisConnection>;
  readonly local: Extract<LocalRulebook, { kind: "sound" }>;
  readonly modelFate: () => ModelFate;
  readonly retention: Retention | undefined;
  readonly onCommitted: (committed: Committed) => void;
  /** Of messages between engines. */
  readonly delayMs: () => number;
  readonly isLost: () => boolean;
}

export function createFleet(world: World, options: FleetOptions): Fleet {
  const all: EngineUnderTest[] = [];
  const alive = (): readonly EngineUnderTest[] => all.filter(({ process }) => process.state() !== "dead");
  const peers = createSimulatedPeers(world, options.delayMs, options.isLost, (address) =>
    alive().find(({ process }) => process.name === address),
  );
  const start = (): void => {
    const process = world.process(`engine-${all.length}`);
    const log = createLog({
      level: "warn",
      readable: true,
      write: (line) => world.note(`${process.name} ${line.trimEnd()}`),
    });
    process.enter(() => {
      all.push(
        startEngineUnderTest({
          world,
          delayMs: options.delayMs,
          process,
          connect: (silenceMs) => options.connect(process, silenceMs),
          peers: { call: (address, ...rest) => peers.call(process, address, ...rest) },
          local: options.local,
          modelFate: options.modelFate,
          retention: options.retention,
          onCommitted: (committed) => process.enter(() => options.onCommitted(committed)),
          log,
        }),
      );
    });
  };
  return {
    engines: alive,
    start,
    kill: ({ process }) => process.kill(),
    ownerOf: (key) => {
      const partition = partitionOf(key, PARTITIONS);
      return alive().find(({ loop }) => loop.engine.ownership(partition).kind === "here");
    },
    failures: () => all.flatMap((engine) => engine.failure() ?? []),
  };
}
