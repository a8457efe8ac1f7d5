// The WebSocket protocol by hand (RFC 6455): frames that no library would send, well-formed and not.
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Subprotocol } from "../../engine/deliver/live-messages.ts";
import type { Chance } from "./chance.ts";
import { dial } from "./http-lane.ts";

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameShape {
  readonly opcode: number;
  readonly fin?: boolean;
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** Announced; left out: as it is. */
  readonly length?: number;
}

export function frameOf(payload: Uint8Array, shape: FrameShape, chance: Chance): Buffer {
  const { opcode, fin = true, reserved = 0, isMasked = true, length = payload.length } = shape;
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const bit = isMasked ? 0x80 : 0;
  const long = Buffer.alloc(8);
  long.writeBigUInt64BE(BigInt(length));
  const size =
    length < 126 ? [bit | length] : length < 65_536 ? [bit | 126, length >> 8, length & 255] : [bit | 127, ...long];
  if (!isMasked) return Buffer.concat([Buffer.from([first, ...size]), payload]);
  const mask = Buffer.from(Array.from({ length: 4 }, () => chance.below(256)));
  const masked = Buffer.from(payload);
  for (let at = 0; at < masked.length; at++) masked[at] = (masked[at] as number) ^ (mask[at & 3] as number);
  return Buffer.concat([Buffer.from([first, ...size]), mask, masked]);
}

export interface LiveWire {
  readonly socket: Socket;
  /** All bytes that came after the handshake. */
  readonly received: () => Buffer;
  /** Resolves when it is closed or a frame with this opcode came; rejects after 20 s. */
  readonly until: (opcode: number) => Promise<"closed" | "came">;
}

/** Resolves with the answer's head where it was no upgrade. */
export async function openWire(port: number, subprotocol: Subprotocol, more = ""): Promise<LiveWire | string> {
  const socket = await dial(port);
  const key = randomBytes(16).toString("base64");
  const lines = ["GET /v1/live HTTP/1.1", `host: 127.0.0.1:${port}`, "upgrade: websocket", "connection: Upgrade"];
  lines.push(`sec-websocket-key: ${key}`, "sec-websocket-version: 13", `sec-websocket-protocol: ${subprotocol}`);
  let bytes = Buffer.alloc(0);
  const wakers = new Set<() => void>();
  const wake = (): void => {
    for (const one of wakers) one();
  };
  socket.on("data", (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    wake();
  });
  socket.once("close", wake);
  socket.write(`${[...lines, ...(more === "" ? [] : [more])].join("\r\n")}\r\n\r\n`);
  const wait = (isDone: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!isDone()) return;
        clearTimeout(timer);
        wakers.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new Error(`nothing came within 20 s; so far ${bytes.toString("hex").slice(-200)}`));
      }, 20_000);
      wakers.add(look);
      look();
    });
  await wait(() => socket.destroyed || bytes.includes("\r\n\r\n"));
  const end = bytes.indexOf("\r\n\r\n");
  const head = bytes.subarray(0, Math.max(0, end)).toString("latin1");
  if (!head.startsWith("HTTP/1.1 101")) {
    socket.destroy();
    return head;
  }
  const received = (): Buffer => bytes.subarray(end + 4);
  return {
    socket,
    received,
    until: async (opcode) => {
      const came = (): boolean => framesOf(received()).some((frame) => frame.opcode === opcode);
      await wait(() => socket.destroyed || came());
      return came() ? "came" : "closed";
    },
  };
}

/** Of a server: unmasked. */
export function framesOf(bytes: Buffer): readonly { readonly opcode: number; readonly payload: Buffer }[] {
  const frames: { opcode: number; payload: Buffer }[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const short = (bytes[at + 1] as number) & 0x7f;
    const header = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (at + header > bytes.length) break;
    const length =
      short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short;
    if (at + header + length > bytes.length) break;
    frames.push({ opcode: (bytes[at] as number) & 15, payload: bytes.subarray(at + header, at + header + length) });
    at += header + length;
  }
  return frames;
}
