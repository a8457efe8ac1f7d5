// Stands between an engine and Redis and does harm at a chosen script: before its bytes, in the middle of them, or after it ran
// and before its reply. Then everything is cut, or nothing more is said over connections that stay open, or somebody is killed.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { sourceFile } from "../../engine/journal/source-file.ts";
import { createCommandFrames } from "./command-frames.ts";

export type Place = "before" | "middle" | "after";

export interface Strike {
  /** e.g. engine/journal/commit.lua */
  readonly script: string;
  /** Let so many of them pass first. */
  readonly skip: number;
  /** Of its calls those are meant for whose arguments, after the keys, this is true; left out: all. */
  readonly among?: (args: readonly string[]) => boolean;
  readonly place: Place;
  /** From the bytes to the harm, where some were let through: 0 may be before the script ran. */
  readonly lingersMs: number;
  /** True: connections stay open, and nothing passes over them any more, neither way. False: they are all cut. */
  readonly isSilent: boolean;
  /** Done in that very moment: a process is killed. */
  readonly harm: () => void;
}

export interface FaultProxy {
  readonly url: string;
  readonly socket: string;
  /** Resolves when it has struck. */
  readonly strike: (strike: Strike) => Promise<void>;
  /** Forgets a strike that has not come. */
  readonly disarm: () => void;
  /** Connections that are open are cut; new ones are taken. */
  readonly cutAll: () => void;
  /** Answers come so much later, in milliseconds, drawn for each piece. */
  readonly delayAnswers: (ms: (() => number) | undefined) => void;
  /** From now on Redis gets everything and nobody is answered, over old and new connections; false ends it for new ones. */
  readonly swallowAnswers: (isSwallowing: boolean) => void;
  readonly stop: () => void;
}

interface Pair {
  readonly client: Socket;
  readonly redis: Socket;
  isMute: boolean;
  isDeaf: boolean;
  /** Answers that are delayed, in their order, with when each may leave at the earliest. */
  readonly held: { readonly piece: Buffer; readonly leavesAt: number }[];
}

/** Both are paths of unix sockets. */
export async function startFaultProxy(listenPath: string, redisPath: string): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  let armed: { readonly strike: Strike; readonly sha1: string; left: number; readonly done: () => void } | undefined;
  let delay: (() => number) | undefined;
  let isSwallowing = false;

  const cutAll = (): void => {
    for (const { client, redis } of pairs) {
      client.destroy();
      redis.end(); // what was written before still arrives
    }
    pairs.clear();
  };
  const end = ({ isSilent, harm }: Strike, done: () => void): void => {
    harm();
    if (isSilent) for (const each of pairs) each.isMute = each.isDeaf = true;
    else cutAll();
    done();
  };
  const hit = (pair: Pair, bytes: Buffer, { strike, done }: NonNullable<typeof armed>): void => {
    armed = undefined;
    // Nothing is answered any more from here on, to anybody: what was said before may be among it.
    for (const each of pairs) each.isMute = true;
    if (strike.place === "middle") pair.redis.write(bytes.subarray(0, bytes.length >> 1));
    if (strike.place === "after") pair.redis.write(bytes);
    pair.isDeaf = true;
    if (strike.place === "before") end(strike, done);
    else setTimeout(() => end(strike, done), strike.lingersMs);
  };
  const server = createServer((client) => {
    const redis = connect(redisPath);
    const pair: Pair = { client, redis, isMute: isSwallowing, isDeaf: false, held: [] };
    pairs.add(pair);
    const frames = createCommandFrames();
    client.on("data", (piece) => {
      for (const bytes of frames(piece)) {
        if (pair.isDeaf || !pairs.has(pair)) return;
        if (armed !== undefined && isMeant(armed, bytes) && armed.left-- === 0) hit(pair, bytes, armed);
        else redis.write(bytes);
      }
    });
    redis.on("data", (piece) => answer(pair, piece, delay?.() ?? 0));
    for (const socket of [client, redis]) socket.on("error", () => undefined);
    client.on("close", () => {
      pairs.delete(pair);
      redis.destroySoon();
    });
    // Whom nobody answers any more does not hear of this either, until all are cut.
    redis.on("close", () => (pair.isMute ? undefined : client.destroySoon()));
  });
  await new Promise<void>((resolve) => server.listen(listenPath, resolve));
  return {
    url: `unix://${listenPath}`,
    socket: listenPath,
    strike: (strike) =>
      new Promise((done) => {
        armed = { strike, sha1: sha1Of(strike.script), left: strike.skip, done };
      }),
    disarm: () => {
      armed = undefined;
    },
    cutAll,
    delayAnswers: (ms) => {
      delay = ms;
    },
    swallowAnswers: (on) => {
      isSwallowing = on;
      if (on) for (const pair of pairs) pair.isMute = true;
    },
    stop: () => {
      cutAll();
      server.close();
    },
  };
}

function answer(pair: Pair, piece: Buffer, delayMs: number): void {
  if (pair.isMute) return;
  pair.held.push({ piece, leavesAt: performance.now() + delayMs });
  if (pair.held.length === 1) letGo(pair);
}

/** One timer for all that are held: two that end in the same millisecond may go off in any order. */
function letGo(pair: Pair): void {
  for (let first = pair.held[0]; first !== undefined; first = pair.held[0]) {
    const waitMs = first.leavesAt - performance.now();
    if (waitMs > 0) {
      setTimeout(() => letGo(pair), waitMs);
      return;
    }
    pair.held.shift();
    if (!pair.isMute && !pair.client.destroyed) pair.client.write(first.piece);
  }
}

function isMeant({ strike, sha1 }: { readonly strike: Strike; readonly sha1: string }, bytes: Buffer): boolean {
  if (!bytes.includes(sha1)) return false;
  if (strike.among === undefined) return true;
  // EVALSHA, hash, number of keys, keys ..., arguments ...; each after a line with its length.
  const words = bytes
    .toString("latin1")
    .split("\r\n")
    .filter((_, line) => line > 0 && line % 2 === 0);
  return strike.among(words.slice(3 + Number(words[2])));
}

/** As engines name it: scripts are sent by their hash. */
function sha1Of(script: string): string {
  return createHash("sha1")
    .update(readFileSync(sourceFile(script), "utf8"))
    .digest("hex");
}
