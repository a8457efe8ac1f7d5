import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ANYONE } from "../../engine/deliver/auth/caller.ts";
import type { Live, Opening, Peer } from "../../engine/deliver/live-peer.ts";
import { BUFFERED_BYTES_MAX, mayReceive, sendEncoded } from "../../engine/deliver/live-peer.ts";
import { loadUws } from "../../engine/deliver/uws.ts";

const uws = loadUws();
const app = uws.App();
const peers: Peer[] = [];
const dropped: string[] = [];
const metrics = {
  onRequest: () => undefined,
  onWebsocketConnections: () => undefined,
  onWebsocketDropped: (reason: string) => void dropped.push(reason),
  onDelivery: () => undefined,
};
let port = 0;

beforeAll(async () => {
  app.ws<Opening>("/", {
    maxBackpressure: 64 * 1024 * 1024,
    upgrade: (res, req, context) => {
      const opening: Opening = { subprotocol: "nba.v1.json", ticket: undefined };
      res.upgrade(opening, req.getHeader("sec-websocket-key"), "", "", context);
    },
    open: (socket) => {
      const state: Live = { kind: "live", caller: ANYONE, subscriptions: new Map() };
      const bucket = { allowance: 1, allowanceAtMs: 0, underWay: 0 };
      peers.push({ socket, subprotocol: "nba.v1.json", state, timer: undefined, admission: undefined, ...bucket });
    },
    close: (socket) => {
      const peer = peers.find((each) => each.socket === socket);
      if (peer !== undefined) peer.state = { kind: "gone" };
    },
  });
  port = await new Promise((resolve) => {
    app.listen("127.0.0.1", 0, (listening) => resolve(listening === false ? -1 : uws.us_socket_local_port(listening)));
  });
});
afterAll(() => void app.close());

async function opened(): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  const key = Buffer.alloc(16).toString("base64");
  socket.write(
    "GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n" +
      `sec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
  );
  await new Promise((resolve) => socket.once("data", resolve));
  return socket;
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

describe("slow readers", () => {
  it("one that does not read is cut off soon after 256 KiB are unsent, and the others are not held up", async () => {
    const stuck = await opened();
    stuck.pause();
    const reading = await opened();
    let received = 0;
    reading.on("data", (chunk) => {
      received += chunk.length;
    });
    const [slow, good] = peers as [Peer, Peer];
    const frame = "x".repeat(32 * 1024);
    let sent = 0;
    let unsentMax = 0;
    // The kernel takes some megabytes before anything stays with the engine.
    for (; slow.state.kind === "live" && sent < 2_000; sent++) {
      sendEncoded(slow, [frame], metrics);
      if (slow.state.kind === "live") unsentMax = Math.max(unsentMax, slow.socket.getBufferedAmount());
      sendEncoded(good, [frame], metrics);
      await turn();
    }
    expect(slow.state.kind).toBe("gone");
    expect(dropped).toEqual(["slow"]);
    expect(unsentMax).toBeLessThanOrEqual(BUFFERED_BYTES_MAX);
    expect(good.state.kind).toBe("live");
    await expect.poll(() => received).toBeGreaterThanOrEqual(sent * frame.length);
    // To a peer that is gone nothing is sent, and nothing throws.
    sendEncoded(slow, [frame], metrics);
    stuck.destroy();
    reading.destroy();
  });

  it("may send 100 messages at once and 50 a second", () => {
    const bucket = { ...(peers[0] as Peer), allowance: 100, allowanceAtMs: 0 };
    const taken = (nowMs: number): number => {
      let count = 0;
      while (mayReceive(bucket, nowMs)) count++;
      return count;
    };
    expect([taken(0), taken(100), taken(1_100), taken(60_000)]).toEqual([100, 5, 50, 100]);
  });
});
