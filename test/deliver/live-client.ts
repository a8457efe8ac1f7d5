// A WebSocket client that keeps what it received, for both subprotocols.
import { WebSocket } from "undici";
import { pack, unpackStrictly } from "../../engine/ingest/messagepack.ts";

export interface LiveClient {
  // biome-ignore lint/suspicious/noExplicitAny: frames are looked into freely by the tests
  readonly frames: any[];
  readonly say: (message: object) => void;
  readonly sayRaw: (text: string) => void;
  /** Code and reason, when it is closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly close: () => void;
  /** The first frame, past or coming, that fits; rejects after 5 s. */
  // biome-ignore lint/suspicious/noExplicitAny: see frames
  readonly frame: (fits: (frame: any) => boolean) => Promise<any>;
}

export async function openLive(url: string, protocol?: string): Promise<LiveClient> {
  const socket = new WebSocket(url, protocol === undefined ? [] : [protocol]);
  socket.binaryType = "arraybuffer";
  const frames: unknown[] = [];
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
  });
  socket.addEventListener("message", ({ data }) => frames.push(decode(data)));
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("the handshake was refused")));
  });
  if (socket.protocol !== (protocol ?? "")) throw new Error(`speaks "${socket.protocol}"`);
  return {
    frames,
    say: (message) =>
      socket.send(protocol === "nba.v1.msgpack" ? new Uint8Array(pack(message)) : JSON.stringify(message)),
    sayRaw: (text) => socket.send(text),
    closed,
    close: () => socket.close(),
    frame: async (fits) => {
      for (const giveUpAt = Date.now() + 5_000; Date.now() < giveUpAt; ) {
        const found = frames.find(fits);
        if (found !== undefined) return found;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      throw new Error(`no such frame among ${JSON.stringify(frames).slice(0, 1_000)}`);
    },
  };
}

function decode(received: unknown): unknown {
  if (typeof received === "string") return JSON.parse(received);
  const unpacked = unpackStrictly(new Uint8Array(received as ArrayBuffer));
  if (unpacked.kind === "faulty") throw new Error(unpacked.detail);
  return unpacked.value;
}
