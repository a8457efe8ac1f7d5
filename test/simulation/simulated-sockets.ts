// The WebSockets of a simulated process: the engine's own live side on one end, a screen on the other, which may stop reading.
import { createGuard } from "../../engine/deliver/auth/guard.ts";
import { createTickets } from "../../engine/deliver/auth/tickets.ts";
import { createLive, type LiveSide } from "../../engine/deliver/live.ts";
import type { Opening } from "../../engine/deliver/live-peer.ts";
import type { RedisLane } from "../../engine/deliver/redis-lane.ts";
import { createUnsent } from "../../engine/deliver/unsent.ts";
import type { App, Socket } from "../../engine/deliver/uws.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Log } from "../../engine/observe/log.ts";
import type { JournalTail } from "../../engine/peer/journal-tail.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** The end of a screen. */
export interface ScreenSocket {
  readonly send: (message: string) => void;
  /** While it does not read, what is sent piles up at the engine. */
  readonly setReading: (isReading: boolean) => void;
  readonly close: () => void;
}

export interface ScreenListener {
  readonly onOpen: (socket: ScreenSocket) => void;
  readonly onFrame: (text: string) => void;
  /** The last that is told: closed by whoever, or nobody is there any more. */
  readonly onClose: () => void;
}

export interface SimulatedSockets {
  readonly open: (listener: ScreenListener) => void;
  readonly drain: LiveSide["drain"];
}

export interface SocketsOptions {
  readonly world: World;
  readonly process: SimulatedProcess;
  readonly delayMs: () => number;
  readonly engine: Engine;
  readonly tail: JournalTail;
  readonly lane: RedisLane;
  readonly log: Log;
}

type Behavior = Required<Pick<Parameters<App["ws"]>[1], "open" | "message" | "close">>;

/** What an unread frame is said to weigh, in bytes: a handful of them is more than an engine lets a screen leave unread. */
const FRAME_BYTES = 48 * 1024;

export function createSimulatedSockets(options: SocketsOptions): SimulatedSockets {
  const { engine, tail, log, lane } = options;
  const live = createLive({
    engine,
    tail,
    origins: { host: "127.0.0.1", allowedOrigins: [] },
    guard: createGuard({ auth: "off", perSecond: undefined }, log),
    tickets: createTickets(lane),
    metrics: {
      onRequest: () => undefined,
      onWebsocketConnections: () => undefined,
      onWebsocketDropped: (reason) => options.world.note(`${options.process.name} drops a screen: ${reason}`),
      onDelivery: () => undefined,
    },
    log,
    unsent: createUnsent(Number.MAX_SAFE_INTEGER),
    onShown: () => undefined,
  });
  let behavior: Behavior | undefined;
  live.attach({
    ws: (_: string, given: Behavior) => {
      behavior = given;
    },
  } as unknown as App);
  return {
    open: (listener) => open(options, behavior as Behavior, listener),
    drain: live.drain,
  };
}

function open({ world, process, delayMs }: SocketsOptions, behavior: Behavior, listener: ScreenListener): void {
  const unread: string[] = [];
  let isReading = true;
  let isOpen = true;
  let isTold = false;
  let arrivesAt = world.now();
  /** In the order in which it was sent. */
  const carry = (act: () => void): void => {
    arrivesAt = Math.max(arrivesAt, world.now() + delayMs());
    world.after(arrivesAt - world.now(), act);
  };
  const tellClosed = (): void => {
    if (isTold) return;
    isTold = true;
    listener.onClose();
  };
  const gone = (): void => {
    if (!isOpen) return;
    isOpen = false;
    behavior.close(socket as never, 1006, new ArrayBuffer(0));
  };
  const flush = (): void => {
    for (const text of unread.splice(0)) carry(() => isTold || listener.onFrame(text));
  };
  const socket = {
    getUserData: (): Opening => ({ subprotocol: "nba.v1.json", ticket: undefined }),
    cork: (act: () => void) => act(),
    send: (text: string) => {
      unread.push(text);
      if (isReading) flush();
    },
    getBufferedAmount: () => unread.length * FRAME_BYTES,
    close: () => {
      unread.length = 0;
      gone();
      carry(tellClosed);
    },
    // A closing handshake comes behind what is not read yet.
    end: () => {
      flush();
      gone();
      carry(tellClosed);
    },
  } satisfies Partial<Record<keyof Socket<Opening>, unknown>>;
  // What had left is on its way still.
  process.onKilled(() => carry(tellClosed));
  carry(() => {
    if (process.state() === "dead") return tellClosed();
    process.enter(() => behavior.open(socket as never));
    listener.onOpen({
      send: (message) =>
        carry(() =>
          process.enter(() => {
            if (isOpen) behavior.message(socket as never, bytesOf(message), false);
          }),
        ),
      setReading: (wanted) => {
        isReading = wanted;
        if (wanted) flush();
      },
      close: () => {
        isTold = true;
        carry(() => process.enter(gone));
      },
    });
  });
}

function bytesOf(text: string): ArrayBuffer {
  const bytes = new TextEncoder().encode(text);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}
