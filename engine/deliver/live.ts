// WebSocket /v1/live: NBAs pushed as they are committed, withdrawn when they are stale, answered from the screen.
import type { Engine } from "../engine.ts";
import type { JournalTail } from "../peer/journal-tail.ts";
import type { Guard } from "./auth/guard.ts";
import type { Tickets } from "./auth/tickets.ts";
import type { AdmissionDeps } from "./live-admission.ts";
import { connect, dismiss, greet, recheck } from "./live-admission.ts";
import type { CommandDeps } from "./live-commands.ts";
import { leaveTopic, obey, refuse } from "./live-commands.ts";
import { decodeMessage, MESSAGE_BYTES_MAX } from "./live-messages.ts";
import type { Live, Opening, Peer } from "./live-peer.ts";
import { CLOSE, closePeer, liveOf, MESSAGES_BURST_MAX, mayReceive } from "./live-peer.ts";
import type { OnShown } from "./live-topics.ts";
import { createTopics } from "./live-topics.ts";
import { upgrade } from "./live-upgrade.ts";
import type { OriginPolicy } from "./origin.ts";
import type { DeliverMetrics, Log } from "./ports.ts";
import type { Unsent } from "./unsent.ts";
import type { App, Socket } from "./uws.ts";

export interface LiveDeps {
  readonly engine: Engine;
  readonly tail: JournalTail;
  readonly origins: OriginPolicy;
  readonly guard: Guard;
  readonly tickets: Tickets;
  readonly metrics: DeliverMetrics;
  readonly log: Log;
  readonly unsent: Unsent;
  readonly onShown: OnShown;
}

export interface LiveSide {
  readonly attach: (app: App) => void;
  /** Closes every socket with 1012 and takes no new one. */
  readonly drain: () => Promise<void>;
}

type LiveCommands = CommandDeps & AdmissionDeps;

const DRAINED_AT_ONCE = 200;
const DRAIN_PAUSE_MS = 50;
const IDLE_SECONDS = 32;
const SENDING_BYTES_MAX = 4 * 1024 * 1024;

export function createLive(deps: LiveDeps): LiveSide {
  const { engine, tail, metrics, log } = deps;
  const peers = new Map<Socket<Opening>, Peer>();
  const topics = createTopics({ partitions: engine.partitions, tail, metrics, onShown: deps.onShown });
  tail.listen({
    onCommitted: topics.onCommitted,
    concerns: topics.concerns,
    onLost: (partition) => {
      for (const peer of topics.followersIn(partition))
        closePeer(peer, CLOSE.draining, "frames are gone from the journal: subscribe anew", "frames-lost", metrics);
    },
  });
  const commands: LiveCommands = { ...deps, topics };
  const state = { draining: false };
  deps.guard.onKeysRead(() => {
    for (const peer of peers.values()) recheck(commands, peer);
  });
  return {
    attach: (app) =>
      void app.ws<Opening>("/v1/live", {
        // Larger ones are told why (4400) up to four times the bound; beyond that the library cuts them off.
        maxPayloadLength: 4 * MESSAGE_BYTES_MAX,
        maxBackpressure: SENDING_BYTES_MAX,
        idleTimeout: IDLE_SECONDS,
        sendPingsAutomatically: true,
        upgrade: (res, req, context) => upgrade(res, req, context, deps, state.draining),
        open: (socket) => {
          const peer = newPeer(socket);
          peers.set(socket, peer);
          greet(commands, peer, socket.getUserData().ticket);
          metrics.onWebsocketConnections(peers.size);
        },
        message: (socket, message, isBinary) => {
          const peer = peers.get(socket);
          if (peer !== undefined) void receive(commands, log, peer, new Uint8Array(message), isBinary);
        },
        close: (socket) => {
          const peer = peers.get(socket);
          peers.delete(socket);
          if (peer !== undefined) depart(commands, peer);
          metrics.onWebsocketConnections(peers.size);
        },
      }),
    drain: async () => {
      state.draining = true;
      // In slices: all of them at once would fall upon the other engines at once.
      for (let rest = [...peers.values()]; rest.length > 0; rest = rest.slice(DRAINED_AT_ONCE)) {
        for (const peer of rest.slice(0, DRAINED_AT_ONCE)) {
          closePeer(peer, CLOSE.draining, "the engine stops", "draining", metrics);
        }
        if (rest.length > DRAINED_AT_ONCE) await new Promise((resolve) => setTimeout(resolve, DRAIN_PAUSE_MS));
      }
    },
  };
}

/** `view` is decoded before anything waits: the library takes its bytes back. */
async function receive(deps: LiveCommands, log: Log, peer: Peer, view: Uint8Array, isBinary: boolean): Promise<void> {
  const { metrics } = deps;
  if (peer.state.kind === "draining" || peer.state.kind === "gone") return;
  if (!mayReceive(peer, performance.now()))
    return closePeer(peer, CLOSE.tooMuch, "too many messages", "too-many-messages", metrics);
  const decoded = decodeMessage(view, isBinary, peer.subprotocol);
  if (decoded.kind === "bad") return closePeer(peer, CLOSE.badMessage, decoded.why, "bad-message", metrics);
  const { message } = decoded;
  if (message.op === "connect") {
    connect(deps, peer, message);
    return;
  }
  peer.underWay++;
  try {
    // One at a time: what came behind a connect is done as whoever that was.
    while (peer.admission !== undefined) await peer.admission;
    const live = admitted(deps, peer);
    if (live !== undefined) await obey(deps, peer, live, message);
  } catch (error) {
    log.error("live: a message failed", { op: message.op, why: error instanceof Error ? error.stack : String(error) });
    refuse(deps, peer, message, "unavailable", "the engine cannot do this now; try again");
  } finally {
    peer.underWay--;
  }
}

/** Of a peer that may speak; one that may not is told so, once. */
function admitted({ guard, metrics }: LiveCommands, peer: Peer): Live | undefined {
  const { state } = peer;
  if (state.kind === "greeting") {
    closePeer(peer, CLOSE.unauthorized, "the first message must connect with a token", "unauthorized", metrics);
    return undefined;
  }
  if (state.kind !== "live") return undefined;
  if (guard.mayTake(state.caller) === 0) return state;
  closePeer(peer, CLOSE.tooMuch, "too many messages of this caller", "too-many-messages", metrics);
  return undefined;
}

function newPeer(socket: Socket<Opening>): Peer {
  return {
    socket,
    subprotocol: socket.getUserData().subprotocol,
    state: { kind: "greeting" },
    timer: undefined,
    admission: undefined,
    allowance: MESSAGES_BURST_MAX,
    allowanceAtMs: performance.now(),
    underWay: 0,
  };
}

function depart(deps: CommandDeps, peer: Peer): void {
  dismiss(peer);
  const live = liveOf(peer);
  peer.state = { kind: "gone" };
  if (live !== undefined) for (const topic of [...live.subscriptions.keys()]) leaveTopic(deps, peer, live, topic);
}
