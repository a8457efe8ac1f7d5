// Outbound: what a commit decided goes to the gateways, by lanes that each partition has while this engine owns it. Sending
// again is harmless or at least recognisable, so a lane in doubt repeats, and whoever takes the partition goes on from what was
// noted last. What may not be sent any more is reported as not delivered, which gives its reservation back.
import type { CommitSeq, PartitionIndex } from "../domain/ids.ts";
import type { Committed } from "../engine.ts";
import { partitionKeys } from "../journal/keys.ts";
import { text } from "../journal/redis.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { createDispatchFeed, type DispatchFeed, type FeedDeps } from "./dispatch-feed.ts";
import { DISPATCHED_FIELD, STREAMS_FIELD, webhookField } from "./dispatch-fields.ts";
import { backoffMs, type Lane, type LaneDeps, type LanePlace, wordsOf } from "./dispatch-lane.ts";
import { settleSent } from "./settle-sent.ts";
import { createStreamLane } from "./stream-lane.ts";
import { createHalt, type Halt } from "./waker.ts";
import { createWebhookChannels, type WebhookDeps } from "./webhook-channel.ts";
import type { DeliveryDeps } from "./webhook-delivery.ts";
import { createWebhookLane, parseWebhookPosition } from "./webhook-lane.ts";

export interface DispatchDeps extends LaneDeps, FeedDeps, WebhookDeps {
  /** About how many entries a channel's stream keeps. */
  readonly streamEntriesMax: number;
}

export interface Dispatch {
  /**
   * Goes on from the noted position. Resolves once everything that was sent before is reported in the input log: no reservation
   * of the partition may run out before that. Rejects where Redis does.
   */
  readonly take: (partition: PartitionIndex) => Promise<void>;
  /** Begins nothing new, and waits for what is under way, at most `waitMs`. */
  readonly give: (partition: PartitionIndex, waitMs: number) => Promise<void>;
  readonly onCommitted: (committed: Committed) => void;
  /** Commits with something to send that are known of and not yet done with. */
  readonly pending: () => number;
  /** Gives all partitions. */
  readonly stop: (waitMs: number) => Promise<void>;
}

/** Name of the lane of all streams: no channel has it. */
const STREAMS = "";

interface Pump {
  readonly partition: PartitionIndex;
  readonly feed: DispatchFeed;
  readonly halt: Halt;
  readonly lanes: Map<string, Lane>;
  readonly running: Promise<void>[];
  noted: CommitSeq;
  /** Whose channels have their lanes. */
  rulebook: Rulebook | undefined;
}

/** Lanes pass commits without anything for them that much later: to be woken for each would cost more than its answer. */
const PASS_EVERY_MS = 200;

export function createDispatch(deps: DispatchDeps): Dispatch {
  const pumps = new Map<PartitionIndex, Pump>();
  const channels = createWebhookChannels(deps);
  const delivery: DeliveryDeps = {
    ...deps,
    webhook: ({ channel }) =>
      channels.of(
        deps.rulebook().channels.find(({ name, kind }) => name === channel.name && kind === "webhook") ?? channel,
      ),
  };
  const passing = new Set<Pump>();
  let passTimer: NodeJS.Timeout | undefined;
  const pass = (): void => {
    passTimer = undefined;
    for (const pump of passing) wake(pump);
    passing.clear();
  };
  const give = async (partition: PartitionIndex, waitMs: number): Promise<void> => {
    const pump = pumps.get(partition);
    if (pump === undefined) return;
    pumps.delete(partition);
    passing.delete(pump);
    pump.halt.halt();
    for (const lane of pump.lanes.values()) lane.stop();
    await withinMs(waitMs, Promise.all(pump.running));
  };
  return {
    take: async (partition) => {
      await settleSent(deps, partition);
      await give(partition, 0);
      const pump: Pump = {
        partition,
        feed: createDispatchFeed(deps, partition),
        halt: createHalt(),
        lanes: new Map(),
        running: [],
        noted: 0 as CommitSeq,
        rulebook: undefined,
      };
      pumps.set(partition, pump);
      void begin(deps, delivery, pump);
    },
    give,
    onCommitted: (committed) => {
      const pump = pumps.get(committed.partition);
      if (pump === undefined) return;
      const hasWork = pump.feed.onCommitted(committed);
      if (pump.lanes.size > 0 && pump.rulebook !== deps.rulebook()) openWebhooks(deps, delivery, pump, new Map());
      if (hasWork) return wake(pump);
      passing.add(pump);
      passTimer ??= setTimeout(pass, PASS_EVERY_MS);
    },
    pending: () => {
      let count = 0;
      for (const pump of pumps.values()) count += pump.feed.pending(doneOf(pump));
      return count;
    },
    stop: async (waitMs) => {
      await Promise.all([...pumps.keys()].map((partition) => give(partition, waitMs)));
      clearTimeout(passTimer);
      passTimer = undefined;
      await channels.close();
    },
  };
}

async function begin(deps: DispatchDeps, delivery: DeliveryDeps, pump: Pump): Promise<void> {
  for (let failures = 0; !pump.halt.isHalted(); failures++) {
    try {
      return await open(deps, delivery, pump);
    } catch (error) {
      const why = wordsOf(error);
      deps.log.warn("the position of dispatch cannot be read yet", { partition: pump.partition, why });
      await pump.halt.sleep(backoffMs(failures));
    }
  }
}

/** Begins where the last owner has noted that it was. */
async function open(deps: DispatchDeps, delivery: DeliveryDeps, pump: Pump): Promise<void> {
  const { partition, feed } = pump;
  const { channels } = deps.rulebook();
  const webhooks = channels.filter(({ kind }) => kind === "webhook").map(({ name }) => name);
  const fields = [DISPATCHED_FIELD, STREAMS_FIELD, ...webhooks.map(webhookField)];
  const connection = await deps.redis.connection();
  const reply = await connection.command(["HMGET", partitionKeys(partition).checkpoint, ...fields]);
  const [all, streams, ...positions] = (reply as readonly (Buffer | null)[]).map((field) => text(field));
  pump.noted = Number(all) as CommitSeq;
  const from = (streams === "" ? pump.noted : Number(streams)) as CommitSeq;
  const place = placeOf(deps, pump);
  if (pump.halt.isHalted()) return;
  start(pump, STREAMS, createStreamLane({ deps, place, from, entriesMax: deps.streamEntriesMax }));
  openWebhooks(deps, delivery, pump, new Map(webhooks.map((name, at) => [name, positions[at] as string])));
  feed.forget(doneOf(pump));
}

/** A channel that is new begins where the streams are: up to there nothing was decided for it. */
function openWebhooks(
  deps: DispatchDeps,
  delivery: DeliveryDeps,
  pump: Pump,
  positions: ReadonlyMap<string, string>,
): void {
  const rulebook = deps.rulebook();
  for (const { kind, name } of rulebook.channels) {
    if (kind !== "webhook" || pump.lanes.has(name)) continue;
    const written = positions.get(name) ?? String(pump.lanes.get(STREAMS)?.done() ?? pump.noted);
    const from = parseWebhookPosition(written === "" ? String(pump.noted) : written);
    start(pump, name, createWebhookLane({ deps: delivery, place: placeOf(deps, pump), channel: name, from }));
  }
  pump.rulebook = rulebook;
}

function placeOf(deps: DispatchDeps, pump: Pump): LanePlace {
  const { partition, feed } = pump;
  const note = async (field: string, position: string): Promise<void> => {
    const done = doneOf(pump);
    feed.forget(done);
    const all = done === pump.noted ? {} : { [DISPATCHED_FIELD]: String(done) };
    await deps.note(partition, { [field]: position, ...all });
    pump.noted = done;
  };
  return { partition, feed, note };
}

function start(pump: Pump, name: string, lane: Lane): void {
  pump.lanes.set(name, lane);
  pump.running.push(lane.run());
}

function wake({ lanes }: Pump): void {
  for (const lane of lanes.values()) lane.wake();
}

function doneOf({ lanes }: Pump): CommitSeq {
  let done = Number.POSITIVE_INFINITY;
  for (const lane of lanes.values()) done = Math.min(done, lane.done());
  return (Number.isFinite(done) ? done : 0) as CommitSeq;
}

async function withinMs(waitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((resolve) => {
    timer = setTimeout(resolve, waitMs);
  });
  await Promise.race([work, patience]);
  clearTimeout(timer);
}
