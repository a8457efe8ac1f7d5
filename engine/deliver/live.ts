// WebSocket /v1/live: NBAs pushed as they are committed, withdrawn when they are stale, answered from the screen.
import type { Engine } from "../engine.ts";
import type { JournalTail } from "../peer/journal-tail.ts";
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
import type { App, Socket } from "./uws.ts";

export interface LiveDeps {
  readonly engine: Engine;
  readonly tail: JournalTail;
  readonly origins: OriginPolicy;
  readonly metrics: DeliverMetrics;
  readonly log: Log;
  readonly onShown: OnShown;
}

export interface LiveSide {
  readonly attach: (app: App) => void;
  /** Closes every socket with 1012 and takes no new one. */
  readonly drain: () => void;
}

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
  const commands: CommandDeps = { ...deps, topics };
  const state = { draining: false };
  return {
    attach: (app) =>
      void app.ws<Opening>("/v1/live", {
        // Larger ones are told why (4400) up to four times the bound; beyond that the library cuts them off.
        maxPayloadLength: 4 * MESSAGE_BYTES_MAX,
        maxBackpressure: SENDING_BYTES_MAX,
        idleTimeout: IDLE_SECONDS,
        sendPingsAutomatically: true,
        upgrade: (res, req, context) => upgrade(res, req, context, deps.origins, state.draining),
        open: (socket) => {
          peers.set(socket, newPeer(socket));
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
    drain: () => {
      state.draining = true;
      for (const peer of [...peers.values()]) closePeer(peer, CLOSE.draining, "the engine stops", "draining", metrics);
    },
  };
}

/** `view` is decoded before anything waits: the library takes its bytes back. */
async function receive(deps: CommandDeps, log: Log, peer: Peer, view: Uint8Array, isBinary: boolean): Promise<void> {
  const { metrics } = deps;
  if (peer.state.kind === "draining" || peer.state.kind === "gone") return;
  if (!mayReceive(peer, performance.now()))
    return closePeer(peer, CLOSE.tooMuch, "too many messages", "too-many-messages", metrics);
  const decoded = decodeMessage(view, isBinary, peer.subprotocol);
  if (decoded.kind === "bad") return closePeer(peer, CLOSE.badMessage, decoded.why, "bad-message", metrics);
  const { message } = decoded;
  const live: Live = peer.state.kind === "live" ? peer.state : { kind: "live", subscriptions: new Map() };
  peer.state = live;
  peer.underWay++;
  try {
    await obey(deps, peer, live, message);
  } catch (error) {
    log.error("live: a message failed", { op: message.op, why: error instanceof Error ? error.stack : String(error) });
    refuse(deps, peer, message, "unavailable", "the engine cannot do this now; try again");
  } finally {
    peer.underWay--;
  }
}

function newPeer(socket: Socket<Opening>): Peer {
  return {
    socket,
    subprotocol: socket.getUserData().subprotocol,
    state: { kind: "greeting" },
    allowance: MESSAGES_BURST_MAX,
    allowanceAtMs: performance.now(),
    underWay: 0,
  };
}

function depart(deps: CommandDeps, peer: Peer): void {
  const live = liveOf(peer);
  peer.state = { kind: "gone" };
  if (live !== undefined) for (const topic of [...live.subscriptions.keys()]) leaveTopic(deps, peer, live, topic);
}
