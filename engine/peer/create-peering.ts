// Everything by which this process is one of several engines: it asks them, answers them, and tails their journals.
import type { RedisLane } from "../deliver/redis-lane.ts";
import type { Route } from "../deliver/route.ts";
import type { Engine } from "../engine.ts";
import { LIMITS } from "../limits.ts";
import type { Log } from "../observe/log.ts";
import type { DecisionLoop } from "../partition/decision-loop.ts";
import { createJournalTail, type JournalTail } from "./journal-tail.ts";
import { createPeerClient } from "./peer-client.ts";
import { peerRoutes } from "./peer-routes.ts";
import { createPeerSecret } from "./peer-secret.ts";
import { createJournalReader } from "./read-journals.ts";
import { createRoutedEngine } from "./routed-engine.ts";

export interface PeeringOptions {
  readonly loop: Pick<DecisionLoop, "engine" | "routeThrough" | "release" | "lastCommit">;
  /** For short commands. */
  readonly lane: RedisLane;
  /** Of its own: reads of journals block it. */
  readonly tailLane: RedisLane;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly log: Log;
}

export interface Peering {
  /** Answers for every customer: itself, or by asking the owner. */
  readonly engine: Engine;
  readonly tail: JournalTail;
  /** What other engines ask of this one. */
  readonly routes: readonly Route[];
  readonly close: () => Promise<void>;
}

export function createPeering({ loop, lane, tailLane, clock, log }: PeeringOptions): Peering {
  const secret = createPeerSecret(() => lane.connection());
  const skewMs = LIMITS.peerSkewMs;
  const peers = createPeerClient({
    secret,
    clock,
    skewMs,
    inFlightMax: LIMITS.peerInFlightMax,
    connectionsMax: LIMITS.peerConnectionsMax,
    answerBytesMax: LIMITS.peerAnswerBytesMax,
  });
  const engine = createRoutedEngine({
    local: loop.engine,
    peers,
    release: loop.release,
    clock,
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
  const bytesMax = LIMITS.peerRequestBytesMax;
  return {
    engine,
    tail,
    routes: peerRoutes({ engine: loop.engine, secret, clock, skewMs, bytesMax, log }),
    close: async () => {
      tail.stop();
      await peers.close();
    },
  };
}
