// Wires an engine from its configuration. What a signal does to it is the business of `nba start`.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { readRulebookFolder, UnreadableRulebook } from "./cli/read-rulebook.ts";
import type { RunningEngine } from "./cli/serve.ts";
import type { EngineConfig } from "./cli/start.ts";
import type { AuthOptions } from "./deliver/auth/authenticate.ts";
import { createGuard, type Guard } from "./deliver/auth/guard.ts";
import { createTickets } from "./deliver/auth/tickets.ts";
import { createDispatch } from "./deliver/dispatch.ts";
import { createRedisIdempotency } from "./deliver/idempotency-redis.ts";
import type { DeliverMetrics } from "./deliver/ports.ts";
import { createRedisLane } from "./deliver/redis-lane.ts";
import { createServer } from "./deliver/server.ts";
import { createPoster } from "./deliver/webhook-post.ts";
import { createFrontDoor } from "./ingest/front-door.ts";
import { createConnectionGroup } from "./journal/connection-group.ts";
import { createEngineId, isGone } from "./journal/engine-id.ts";
import { openConnection } from "./journal/open-connection.ts";
import type { RedisConnection } from "./journal/redis.ts";
import { sourceFile } from "./journal/source-file.ts";
import { assertLimits, LIMITS } from "./limits.ts";
import type { Log } from "./observe/log.ts";
import { createMetrics, type Metrics } from "./observe/metrics.ts";
import { ASIDE } from "./partition/compile-aside.ts";
import { AT_ONCE, type Compiler } from "./partition/compiler.ts";
import { createDecisionLoop, type DecisionLoopOptions } from "./partition/decision-loop.ts";
import { createLoopMeter } from "./partition/loop-meter.ts";
import { watchPartitions } from "./partition/partition-gauges.ts";
import { type LocalRulebook, readLocalRulebook } from "./partition/rulebook-library.ts";
import { Unfit } from "./partition/session.ts";
import { watchPending } from "./partition/watch-pending.ts";
import { createPeering } from "./peer/create-peering.ts";
import { createArchive } from "./retain/archive.ts";
import { retainSession } from "./retain/retain-session.ts";
import { formatFault } from "./rulebook/fault.ts";
import { beginYoung } from "./young-objects.ts";

const SHARE_POLL_MS = 20;

/** Resolves when the engine listens; it may still be waiting for Redis or for its partitions (GET /readyz tells). */
export async function startEngine(config: EngineConfig, log: Log): Promise<RunningEngine> {
  beginYoung();
  assertLimits();
  const version = versionOf();
  const metrics = createMetrics({ version, node: process.version });
  const local = await readLocalOf(config, AT_ONCE);
  if (local.kind === "faulty") {
    throw new Unfit(local.faults.map((fault) => formatFault(fault)).join("\n"));
  }
  const guard = guardOf(config, log);
  const { connect, closeAll } = createConnectionGroup(connection(config));
  const lane = createRedisLane(() => connect());
  const delivery = deliveryMetrics(metrics);
  const owner = createEngineId();
  const frontDoor = () =>
    createFrontDoor({
      owner,
      leaseMs: config.leaseMs,
      isGone,
      connect: () => connect(),
      partitions: config.partitions,
      log: {
        warn: (facts, message) => log.warn(message, facts as Record<string, string>),
        error: (facts, message) => log.error(message, facts as Record<string, string>),
      },
      metrics: {
        dead: (stream) => metrics.events.add(metrics.events.slot(stream, "dead"), 1),
        lost: (stream, entries) => metrics.entriesLost.add(metrics.entriesLost.slot("", stream), entries),
      },
      logLengthMax: Number.MAX_SAFE_INTEGER,
    });
  let listensOn = "";
  const loop = createDecisionLoop({
    ...loopOptions(config, metrics, log),
    owner,
    // Read when a session opens: by then the port is known.
    get address() {
      return config.advertise ?? listensOn;
    },
    local,
    readLocal: () => readLocalOf(config, ASIDE),
    archived: ({ seed, partitions }) =>
      config.archiveDir === undefined ? undefined : createArchive(config.archiveDir, { seed, partitions }),
    onSession: (session) => {
      watchPartitions(metrics, session, Date.now);
      const door = frontDoor();
      door.start();
      const stopWatching = watchPending(metrics, session, dispatch.pending, log);
      const { retention, archiveDir } = config;
      const stopRetaining = retainSession(session, {
        connect,
        retention,
        archiveDir,
        alone: session.alone,
        clock: Date.now,
        log,
        metrics,
      });
      return async (isInDoubt) => {
        if (isInDoubt) closeAll();
        stopWatching();
        await stopRetaining();
        await door.stop();
      };
    },
    onTaken: ({ index }) => dispatch.take(index),
    onGone: (index) => dispatch.give(index, LIMITS.giveMs),
  });
  const { journalFrom, delivered, notDelivered, sendable } = loop;
  const tailLane = createRedisLane(() => connect());
  const peering = createPeering({ loop, lane, tailLane, clock: Date.now, log });
  const { engine } = peering;
  const dispatch = createDispatch({
    redis: lane,
    rulebook: engine.rulebook,
    journalFrom,
    delivered,
    notDelivered,
    sendable,
    now: loop.now,
    note: loop.note,
    poster: createPoster(),
    secret: (name) => process.env[name],
    random: Math.random,
    metrics: delivery,
    log,
    streamEntriesMax: LIMITS.channelStreamEntriesMax,
  });
  engine.onCommitted(dispatch.onCommitted);
  const server = createServer({
    engine,
    tail: peering.tail,
    internal: peering.routes,
    config: {
      host: config.host,
      port: config.port,
      allowedOrigins: config.allowedOrigins,
      consoleDir: sourceFile("engine/console"),
      version,
    },
    metrics: delivery,
    exposition: metrics,
    log,
    idempotency: createRedisIdempotency(lane, log, config.idempotency, Date.now),
    guard,
    tickets: createTickets(lane),
    delivered,
  });
  const { port } = await server.listen().catch((error: Error) => {
    throw new Unfit(error.message);
  });
  listensOn = `${bracketed(config.host)}:${port}`;
  const running = loop.run();
  const broken = new Promise<never>((_, reject) => {
    running.catch(async (error: unknown) => {
      await server.close(0);
      await dispatch.stop(0);
      await peering.close();
      lane.close();
      reject(error);
    });
  });
  broken.catch(() => undefined); // told by whoever waits for it
  let isStopping = false;
  return {
    url: `http://${listensOn}`,
    broken,
    share: async (port) => {
      // Before that its part of the callers would be turned away, while the other workers could answer them.
      while (!isStopping && !engine.ready().ok) await sleep(SHARE_POLL_MS);
      if (!isStopping) await server.share(port);
    },
    stop: async () => {
      isStopping = true;
      // The partitions first: whoever asks here meanwhile is sent on to their new owners, and told to go elsewhere.
      await Promise.all([loop.leave(LIMITS.leaveMs), server.retire(LIMITS.lingerMs)]);
      await server.close(LIMITS.drainMs);
      await dispatch.stop(LIMITS.dispatchStopMs);
      loop.stop();
      await running;
      await peering.close();
      lane.close();
    },
  };
}

/** An IPv6 address as it stands in a URL. */
function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function guardOf(config: EngineConfig, log: Log): Guard {
  const { auth, rateLimit } = config;
  const perSecond = rateLimit ?? (auth === "off" ? undefined : LIMITS.callerPerSecond);
  try {
    return createGuard({ auth: auth === "off" ? auth : authOf(config), perSecond }, log);
  } catch (error) {
    throw new Unfit((error as Error).message);
  }
}

function authOf({
  jwtSecret,
  jwksUrl,
  jwtIssuer: issuer,
  jwtAudience: audience,
  apiKeysFile,
}: EngineConfig): AuthOptions {
  const from = jwksUrl !== undefined ? { jwksUrl } : jwtSecret && { secret: Buffer.from(jwtSecret) };
  return { tokens: from ? { from, issuer, audience } : undefined, apiKeysFile };
}

function connection({ redisUrl, durability }: EngineConfig): (silenceMs?: number) => Promise<RedisConnection> {
  const { replicas } = durability;
  const { replicaWaitMs } = LIMITS;
  return (silenceMs = LIMITS.silenceMs) => openConnection({ url: redisUrl, silenceMs, replicas, replicaWaitMs });
}

function loopOptions(
  config: EngineConfig,
  metrics: Metrics,
  log: Log,
): Omit<DecisionLoopOptions, "local" | "readLocal" | "onSession" | "onTaken" | "onGone" | "owner" | "address"> {
  const modelSlots = new Map<string, number>();
  return {
    connect: connection(config),
    partitions: config.partitions,
    leaseMs: config.leaseMs,
    isGone,
    silenceMs: LIMITS.silenceMs,
    entriesPerReadMax: LIMITS.entriesPerReadMax,
    scorer: {
      onCall: (model, rows, tookMs, why) => {
        const slot = modelSlots.get(model) ?? metrics.modelSeconds.slot(model);
        modelSlots.set(model, slot);
        metrics.modelSeconds.observe(slot, tookMs / 1000);
        if (why !== undefined) metrics.modelFallbacks.add(metrics.modelFallbacks.slot(model), rows);
      },
    },
    compiler: ASIDE,
    quotas: { againMs: LIMITS.quotaAgainMs, pollMs: LIMITS.quotaPollMs, idleMs: LIMITS.quotaIdleMs },
    log,
    activationPollMs: LIMITS.activationPollMs,
    erasurePollMs: LIMITS.erasurePollMs,
    meter: createLoopMeter(metrics),
    clock: Date.now,
    asksMax: LIMITS.asksWaitingMax,
    asksPerStepMax: LIMITS.asksPerStepMax,
    entriesPerStepMax: LIMITS.entriesPerStepMax,
    holdMs: LIMITS.holdMs,
    profilesMax: config.profilesMax,
    recoveryEntriesMax: LIMITS.unflushedEventsMax,
    profilesPerCommitMax: LIMITS.profilesPerCommitMax,
    writeBackAfterMs: LIMITS.writeBackAfterMs,
    idleMs: LIMITS.idleMs,
  };
}

async function readLocalOf({ rulesDir, modelsDir }: EngineConfig, compiler: Compiler): Promise<LocalRulebook> {
  try {
    return await readLocalRulebook(await readRulebookFolder(rulesDir), modelsDir, compiler);
  } catch (error) {
    if (!(error instanceof UnreadableRulebook)) throw error;
    return { kind: "faulty", faults: [{ file: rulesDir, line: 1, column: 1, message: error.message }] };
  }
}

function deliveryMetrics(metrics: Metrics): DeliverMetrics {
  const httpSlot = metrics.decisionSeconds.slot("http");
  const liveSlot = metrics.decisionSeconds.slot("live");
  const connections = metrics.websocketConnections.slot();
  return {
    onRequest: (operation, status, seconds) => {
      if (status !== 200) return;
      if (operation === "decide") metrics.decisionSeconds.observe(httpSlot, seconds);
      else if (operation === "live-ask") metrics.decisionSeconds.observe(liveSlot, seconds);
    },
    onWebsocketConnections: (open) => metrics.websocketConnections.set(connections, open),
    onWebsocketDropped: (reason) => metrics.websocketDropped.add(metrics.websocketDropped.slot(reason), 1),
    onDelivery: (channel, result, count) => metrics.deliveries.add(metrics.deliveries.slot(channel, result), count),
  };
}

function versionOf(): string {
  return (JSON.parse(readFileSync(sourceFile("package.json"), "utf8")) as { version: string }).version;
}
