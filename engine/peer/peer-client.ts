// Asks other engines. One attempt for each call: whether something may be asked twice is the caller's to know.
import { Pool } from "undici";
import { Overloaded } from "../partition/served-queue.ts";
import { Unavailable } from "../partition/trouble.ts";
import type { PeerSecret } from "./peer-secret.ts";
import { type PeerCall, type PeerCalls, packPeer, type Told, unpackPeer } from "./peer-wire.ts";
import { openSealed, passOf, seal } from "./seal.ts";

export interface PeerClientOptions {
  readonly secret: PeerSecret;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** How far apart the clocks of two engines may be. */
  readonly skewMs: number;
  /** Of one other engine: calls beyond it are refused at once, as Overloaded. */
  readonly inFlightMax: number;
  readonly connectionsMax: number;
  readonly answerBytesMax: number;
}

export interface PeerClient {
  /**
   * `address`: host:port. Rejects with Overloaded, or with Unavailable: where nothing came within `timeoutMs`, the connection
   * failed, or the other engine cannot answer. What it was asked to do it may have done all the same.
   */
  readonly call: <Name extends PeerCall>(
    address: string,
    name: Name,
    sent: PeerCalls[Name]["sent"],
    timeoutMs: number,
  ) => Promise<PeerCalls[Name]["told"]>;
  /** Breaks off what is under way. */
  readonly close: () => Promise<void>;
}

export const PEER_TYPE = "application/vnd.nba.peer";

/** Engines that went away leave their pool behind; beyond this many the one that was not used for longest goes. */
const POOLS_MAX = 64;

interface Lane {
  readonly pool: Pool;
  inFlight: number;
}

export function peerPath(name: PeerCall): string {
  return `/v1/peer/${name}`;
}

export function createPeerClient(options: PeerClientOptions): PeerClient {
  const lanes = new Map<string, Lane>();
  const laneTo = (address: string): Lane => {
    const lane = lanes.get(address) ?? { pool: openPool(address, options), inFlight: 0 };
    lanes.delete(address);
    lanes.set(address, lane); // the last one used is the last one
    for (const [other, { pool, inFlight }] of lanes) {
      if (lanes.size <= POOLS_MAX) break;
      if (inFlight > 0) continue;
      lanes.delete(other);
      void pool.destroy();
    }
    return lane;
  };
  return {
    call: async (address, name, sent, timeoutMs) => {
      const lane = laneTo(address);
      if (lane.inFlight >= options.inFlightMax)
        throw new Overloaded(`${options.inFlightMax} requests to the engine at ${address} wait already`);
      lane.inFlight++;
      try {
        return toldBy(await exchange(options, lane.pool, name, sent, timeoutMs), address) as never;
      } finally {
        lane.inFlight--;
      }
    },
    close: async () => {
      const open = [...lanes.values()];
      lanes.clear();
      await Promise.all(open.map(({ pool }) => pool.destroy()));
    },
  };
}

function openPool(address: string, { connectionsMax, answerBytesMax }: PeerClientOptions): Pool {
  return new Pool(`http://${address}`, {
    connections: connectionsMax,
    pipelining: 1,
    connect: { timeout: 1_000 },
    // Below the ten seconds after which the server side closes an idle connection.
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 8_000,
    maxResponseSize: answerBytesMax,
    // Each call has a time of its own.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

async function exchange(
  { secret, clock, skewMs }: PeerClientOptions,
  pool: Pool,
  name: PeerCall,
  sent: unknown,
  timeoutMs: number,
): Promise<Told<unknown>> {
  const path = peerPath(name);
  const given = new AbortController();
  const timer = setTimeout(() => given.abort(), timeoutMs);
  try {
    const key = await secret.agreed();
    const body = seal(key, `POST ${path}`, packPeer(sent), clock());
    const { statusCode, body: answer } = await pool.request({
      method: "POST",
      path,
      headers: { "content-type": PEER_TYPE, authorization: passOf(key, clock()) },
      body,
      signal: given.signal,
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (statusCode !== 200) return { kind: "unavailable", why: `it answered ${statusCode}` };
    const opened = openSealed(key, answerTo(body), bytes, clock(), skewMs);
    if (opened.kind === "refused") return { kind: "unavailable", why: `its answer is not sealed (${opened.why})` };
    return unpackPeer(opened.payload) as Told<unknown>;
  } catch (error) {
    if (given.signal.aborted) return { kind: "unavailable", why: `no answer within ${Math.ceil(timeoutMs)} ms` };
    return { kind: "unavailable", why: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** What the answer to a sealed request is sealed for: for that one alone. */
export function answerTo(sealedRequest: Uint8Array): string {
  return `answer to ${Buffer.from(sealedRequest.subarray(0, 41)).toString("hex")}`;
}

function toldBy(told: Told<unknown>, address: string): unknown {
  switch (told.kind) {
    case "told":
      return told.value;
    case "overloaded":
      throw new Overloaded(told.why);
    case "unavailable":
      throw new Unavailable(`the engine at ${address}: ${told.why}`);
    case "failed":
      throw new Error(`the engine at ${address} failed: ${told.why}`);
  }
}
