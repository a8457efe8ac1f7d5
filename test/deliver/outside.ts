// The real outside on the real loop and a real Redis: HTTP, WebSocket and dispatch on a free port.
import type { AdmissionBounds } from "../../engine/deliver/admission.ts";
import { createGuard, type GuardOptions } from "../../engine/deliver/auth/guard.ts";
import { createTickets } from "../../engine/deliver/auth/tickets.ts";
import { createDispatch, type Dispatch, type DispatchDeps } from "../../engine/deliver/dispatch.ts";
import { IDEMPOTENCY_BOUNDS, type IdempotencyBounds } from "../../engine/deliver/idempotency-bounds.ts";
import { createRedisIdempotency } from "../../engine/deliver/idempotency-redis.ts";
import type { DeliverMetrics } from "../../engine/deliver/ports.ts";
import { createRedisLane, type RedisLane } from "../../engine/deliver/redis-lane.ts";
import { createServer } from "../../engine/deliver/server.ts";
import { createPoster } from "../../engine/deliver/webhook-post.ts";
import { connectRedis } from "../../engine/journal/redis.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { createLog, type Log } from "../../engine/observe/log.ts";
import type { DecisionLoop } from "../../engine/partition/decision-loop.ts";
import { createPeering } from "../../engine/peer/create-peering.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";

export interface Outside {
  readonly url: string;
  readonly liveUrl: string;
  readonly running: RunningLoop;
  readonly dispatch: Dispatch;
  readonly lane: RedisLane;
  /** `<reason>` of websockets and `<channel>:<result>` of deliveries -> how often. */
  readonly counts: Readonly<Record<string, number>>;
  readonly closeServer: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const PARTITIONS = 4;

export interface OutsideOptions extends Partial<Pick<DispatchDeps, "delivered" | "random">> {
  readonly guard?: GuardOptions;
  readonly log?: Log;
  readonly loop?: Parameters<typeof startLoop>[1];
  /** In the place of environment variables. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly bounds?: AdmissionBounds;
  readonly bodyWithinMs?: number;
  readonly idempotency?: IdempotencyBounds;
}

export async function startOutside(redisUrl: string, options: OutsideOptions = {}): Promise<Outside> {
  const counts: Record<string, number> = {};
  const count = (name: string, by = 1): void => {
    counts[name] = (counts[name] ?? 0) + by;
  };
  const metrics: DeliverMetrics = {
    onRequest: (operation, status) => count(`${operation}:${status}`),
    onWebsocketConnections: () => undefined,
    onWebsocketDropped: (reason) => count(reason),
    onDelivery: (channel, result, items) => count(`${channel}:${result}`, items),
  };
  const log =
    options.log ?? createLog({ level: "error", readable: true, write: (line) => void process.stdout.write(line) });
  const lane = createRedisLane(() => connectRedis({ url: redisUrl, silenceMs: 2_000 }));
  let created: Dispatch | undefined;
  const running = await startLoop(redisUrl, {
    partitions: PARTITIONS,
    onTaken: async ({ index }) => await created?.take(index),
    onGone: async (index) => await created?.give(index, 1_000),
    onCreated: (loop) => {
      created = dispatchOf(loop, { redis: lane, metrics, log }, options);
      loop.engine.onCommitted(created.onCommitted);
    },
    ...options.loop,
  });
  const dispatch = created as unknown as Dispatch;
  const tailLane = createRedisLane(() => connectRedis({ url: redisUrl, silenceMs: 2_000 }));
  const peering = createPeering({ loop: running.loop, lane, tailLane, clock: Date.now, log });
  const { engine, tail, routes } = peering;
  const server = createServer({
    engine,
    tail,
    internal: routes,
    config: {
      host: "127.0.0.1",
      port: 0,
      allowedOrigins: ["https://crm.example"],
      consoleDir: `${repositoryRoot}/test/deliver/pages`,
      version: "0.0.0",
      ...(options.bounds === undefined ? {} : { bounds: options.bounds }),
      ...(options.bodyWithinMs === undefined ? {} : { bodyWithinMs: options.bodyWithinMs }),
    },
    metrics,
    exposition: running.metrics,
    log,
    idempotency: createRedisIdempotency(lane, log, options.idempotency ?? IDEMPOTENCY_BOUNDS, Date.now),
    guard: createGuard(options.guard ?? { auth: "off", perSecond: undefined }, log),
    tickets: createTickets(lane),
    delivered: running.loop.delivered,
  });
  const { port } = await server.listen();
  let isClosed = false;
  const closeServer = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    await server.close(1_000);
  };
  return {
    url: `http://127.0.0.1:${port}`,
    liveUrl: `ws://127.0.0.1:${port}/v1/live`,
    running,
    dispatch,
    lane,
    counts,
    closeServer,
    stop: async () => {
      await closeServer();
      await dispatch.stop(1_000);
      await running.stop();
      await peering.close();
      lane.close();
    },
  };
}

function dispatchOf(
  loop: DecisionLoop,
  outside: Pick<DispatchDeps, "redis" | "metrics" | "log">,
  options: OutsideOptions,
): Dispatch {
  const { journalFrom, delivered, notDelivered, sendable, now, note } = loop;
  return createDispatch({
    ...outside,
    rulebook: loop.engine.rulebook,
    journalFrom,
    delivered: options.delivered ?? delivered,
    notDelivered,
    sendable,
    now,
    note,
    poster: createPoster(),
    secret: (name) => options.secrets?.[name],
    random: options.random ?? Math.random,
    streamEntriesMax: 1_000_000,
  });
}
