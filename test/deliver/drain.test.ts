// Sockets of an engine that stops, more than one slice of them; the sockets themselves only remember how they were closed.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createGuard } from "../../engine/deliver/auth/guard.ts";
import { createLive, type LiveDeps } from "../../engine/deliver/live.ts";
import type { Opening } from "../../engine/deliver/live-peer.ts";
import { createUnsent } from "../../engine/deliver/unsent.ts";
import type { App, Socket } from "../../engine/deliver/uws.ts";

const SOCKETS = 450;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("ANY-12 closes 450 sockets with 1012, 200 at once and the others in slices of as many, each once", async () => {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const dropped: string[] = [];
  const live = createLive({
    engine: { partitions: 4 },
    tail: { listen: () => undefined, follow: () => undefined, unfollow: () => undefined },
    origins: { host: "127.0.0.1", allowedOrigins: [] },
    guard: createGuard({ auth: "off", perSecond: undefined }, log),
    metrics: {
      onWebsocketConnections: () => undefined,
      onWebsocketDropped: (reason: string) => dropped.push(reason),
    },
    log,
    unsent: createUnsent(1),
    onShown: () => undefined,
  } as unknown as LiveDeps);
  const behaviors: Required<Parameters<App["ws"]>[1]>[] = [];
  live.attach({ ws: (_: string, given: (typeof behaviors)[number]) => behaviors.push(given) } as unknown as App);
  const codes: number[] = [];
  for (let n = 0; n < SOCKETS; n++) {
    const socket = {
      getUserData: (): Opening => ({ subprotocol: "nba.v1.json", ticket: undefined }),
      end: (code: number) => codes.push(code),
    } as unknown as Socket<Opening>;
    behaviors[0]?.open(socket as never);
  }

  const closedAfter: number[] = [];
  let isDrained = false;
  const draining = live.drain().then(() => {
    isDrained = true;
  });
  closedAfter.push(codes.length);
  while (!isDrained) {
    await vi.advanceTimersByTimeAsync(1);
    if (codes.length !== closedAfter.at(-1)) closedAfter.push(codes.length);
  }
  await draining;
  expect(closedAfter).toEqual([200, 400, 450]);
  expect(new Set(codes)).toEqual(new Set([1012]));
  expect(dropped).toEqual(codes.map(() => "draining"));
});
