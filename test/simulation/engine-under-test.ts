// The engine as engine/main.ts wires it, in a simulated process and without its HTTP server.
import { randomInt } from "node:crypto";
import { createDispatch } from "../../engine/deliver/dispatch.ts";
import { createRedisLane } from "../../engine/deliver/redis-lane.ts";
import type { Committed, Engine } from "../../engine/engine.ts";
import { createFrontDoor } from "../../engine/ingest/front-door.ts";
import type { RedisConnection } from "../../engine/journal/redis.ts";
import { LIMITS } from "../../engine/limits.ts";
import type { Log } from "../../engine/observe/log.ts";
import { createMetrics } from "../../engine/observe/metrics.ts";
import { AT_ONCE } from "../../engine/partition/compiler.ts";
import { createDecisionLoop, type DecisionLoop } from "../../engine/partition/decision-loop.ts";
import { createLoopMeter } from "../../engine/partition/loop-meter.ts";
import type { LocalRulebook } from "../../engine/partition/rulebook-library.ts";
import type { Session } from "../../engine/partition/session.ts";
import { createJournalTail } from "../../engine/peer/journal-tail.ts";
import type { PeerClient } from "../../engine/peer/peer-client.ts";
import { createJournalReader } from "../../engine/peer/read-journals.ts";
import { createRoutedEngine } from "../../engine/peer/routed-engine.ts";
import { retainSession } from "../../engine/retain/retain-session.ts";
import type { Retention } from "../../engine/retain/retention.ts";
import type { ModelFate } from "./faults.ts";
import { createSimulatedModel } from "./simulated-model.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import { createSimulatedSockets, type SimulatedSockets } from "./simulated-sockets.ts";
import type { World } from "./world.ts";

export const PARTITIONS = 3;
export const LEASE_MS = 4_000;

export interface EngineUnderTest {
  readonly process: SimulatedProcess;
  readonly loop: DecisionLoop;
  /** Answers for every customer: itself, or by asking the owner. */
  readonly engine: Engine;
  /** The one that is open; undefined where none is. */
  readonly session: () => Session | undefined;
  /** Its WebSockets. */
  readonly sockets: SimulatedSockets;
  /** Why it ended by itself. */
  readonly failure: () => Error | undefined;
  /** A clean stop; resolves when it has ended. */
  readonly stop: () => Promise<void>;
}

export interface EngineOptions {
  readonly world: World;
  /** Of what a socket carries. */
  readonly delayMs: () => number;
  readonly process: SimulatedProcess;
  readonly connect: (silenceMs: number) => Promise<RedisConnection>;
  /** The way to the other engines. */
  readonly peers: Pick<PeerClient, "call">;
  readonly local: Extract<LocalRulebook, { kind: "sound" }>;
  readonly modelFate: () => ModelFate;
  /** Undefined: all is kept. */
  readonly retention: Retention | undefined;
  readonly onCommitted: (committed: Committed) => void;
  readonly log: Log;
}

// Its series are process-wide, and so is the observation of Node itself: made once, whatever is simulated.
const metrics = createMetrics({ version: "simulated", node: process.version });
const SILENCE_MS = 1_500;

/** Call it within the process. */
export function startEngineUnderTest(options: EngineOptions): EngineUnderTest {
  const { local, log } = options;
  const connect = (silenceMs = SILENCE_MS): Promise<RedisConnection> => options.connect(silenceMs);
  const lane = createRedisLane(() => connect());
  const tailLane = createRedisLane(() => connect());
  const retain = (opened: Session, retention: Retention): (() => Promise<void>) =>
    retainSession(opened, {
      connect,
      retention,
      archiveDir: undefined,
      alone: opened.alone,
      pollMs: 300,
      restMs: 600,
      clock: () => Date.now(),
      log,
      metrics,
    });
  let session: Session | undefined;
  let failure: Error | undefined;
  const loop = createDecisionLoop({
    connect,
    partitions: PARTITIONS,
    owner: options.process.name,
    isGone: () => false,
    address: options.process.name,
    leaseMs: LEASE_MS,
    silenceMs: SILENCE_MS,
    entriesPerReadMax: 200,
    local,
    readLocal: async () => local,
    scorer: { run: createSimulatedModel(options.modelFate) },
    compiler: AT_ONCE,
    quotas: { againMs: 100, pollMs: 1_000, idleMs: 2_000 },
    log,
    activationPollMs: LIMITS.activationPollMs,
    erasurePollMs: LIMITS.erasurePollMs,
    meter: createLoopMeter(metrics),
    clock: () => Date.now(),
    asksMax: 200,
    asksPerStepMax: 16,
    entriesPerStepMax: 32,
    holdMs: 0, // time stands still within a step: here it lets go of the thread wherever it may
    profilesMax: 6,
    recoveryEntriesMax: 120,
    profilesPerCommitMax: 4,
    writeBackAfterMs: 3_000,
    idleMs: 3_000,
    onSession: (opened) => {
      session = opened;
      const door = createFrontDoor({
        connect: () => connect(),
        partitions: PARTITIONS,
        owner: options.process.name,
        leaseMs: LEASE_MS,
        log: {
          warn: (facts, message) => log.warn(message, facts as Record<string, string>),
          error: (facts, message) => log.error(message, facts as Record<string, string>),
        },
        logLengthMax: Number.MAX_SAFE_INTEGER,
        batchMax: 40,
      });
      door.start();
      const stopRetaining = options.retention === undefined ? undefined : retain(opened, options.retention);
      return async () => {
        session = undefined;
        await stopRetaining?.();
        await door.stop();
      };
    },
    onTaken: ({ index }) => dispatch.take(index),
    onGone: (index) => dispatch.give(index, LIMITS.giveMs),
  });
  const engine = createRoutedEngine({
    local: loop.engine,
    peers: options.peers,
    release: loop.release,
    clock: () => Date.now(),
    log,
    patienceMs: LIMITS.peerPatienceMs,
    lateMs: LIMITS.peerLateMs,
  });
  loop.routeThrough(engine);
  const tail = createJournalTail({
    engine: loop.engine,
    lastCommit: loop.lastCommit,
    reader: createJournalReader(tailLane),
    log,
  });
  const { world, process, delayMs } = options;
  const sockets = createSimulatedSockets({ world, process, delayMs, engine, tail, lane, log });
  const dispatch = createDispatch({
    redis: lane,
    rulebook: loop.engine.rulebook,
    journalFrom: loop.journalFrom,
    delivered: loop.delivered,
    notDelivered: loop.notDelivered,
    sendable: loop.sendable,
    now: loop.now,
    note: loop.note,
    poster: { post: async () => Promise.reject(new Error("nothing is posted here")), close: async () => undefined },
    secret: () => undefined,
    random: () => randomInt(1_000) / 1_000,
    streamEntriesMax: LIMITS.channelStreamEntriesMax,
    metrics: { onDelivery: () => undefined },
    log,
  });
  loop.engine.onCommitted(dispatch.onCommitted);
  loop.engine.onCommitted(options.onCommitted);
  const running = loop.run().catch((error: Error) => {
    failure = error;
  });
  return {
    process: options.process,
    loop,
    engine,
    session: () => session,
    failure: () => failure,
    sockets,
    stop: async () => {
      await loop.leave(LIMITS.leaveMs);
      await sockets.drain();
      await dispatch.stop(LIMITS.dispatchStopMs);
      loop.stop();
      await running;
      tail.stop();
      lane.close();
    },
  };
}
