// Producers, askers and gateways of the simulated world. Producers send again what was not acknowledged, and sometimes what
// was; what was acknowledged is remembered until Redis is known to have lost it.
import type { CustomerEvent } from "../../engine/domain/event.ts";
import { type CustomerKey, customerKey } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import type { Instant } from "../../engine/domain/time.ts";
import type { AskAnswer } from "../../engine/engine.ts";
import { SimpleError } from "./database.ts";
import { PARTITIONS } from "./engine-under-test.ts";
import type { Fleet } from "./fleet.ts";
import type { Observer } from "./observer.ts";
import type { RedisServer } from "./redis-server.ts";
import type { World } from "./world.ts";

export const CUSTOMERS: readonly string[] = Array.from({ length: 9 }, (_, at) => `c${at}`);
export const DEVICES: readonly string[] = Array.from({ length: 4 }, (_, at) => `d${at}`);

/** An event that its producer knows to be durable. */
export interface Acknowledged {
  readonly id: string;
  readonly key: CustomerKey;
  /** The stream that it was sent to; undefined where an engine took it. */
  readonly stream: string | undefined;
  /** How much Redis had written by then. */
  readonly units: number;
}

export interface Traffic {
  /** In the order in which they were taken. */
  readonly acknowledged: () => readonly Acknowledged[];
  /** Redis has lost what it wrote beyond so many units. */
  readonly lost: (units: number) => void;
  readonly answers: ReadonlyMap<AskAnswer["kind"], number>;
  /** One command of a producer; false where Redis did not take it. */
  readonly execute: (args: readonly string[]) => boolean;
  readonly sent: () => number;
}

export interface TrafficOptions {
  readonly server: RedisServer;
  readonly isServerUp: () => boolean;
  readonly serverSkewMs: () => number;
  readonly fleet: Fleet;
  readonly observer: Observer;
  readonly events: number;
  readonly forMs: number;
}

interface Event {
  readonly id: string;
  readonly type: string;
  readonly ts: number;
  readonly customer?: string;
  readonly anonymousId?: string;
  readonly props: Readonly<Record<string, string | number>>;
}

const RETRY_MS = 150;

export function startTraffic(world: World, options: TrafficOptions): Traffic {
  const { chance } = world;
  const { server, fleet, observer } = options;
  let acknowledged: Acknowledged[] = [];
  const answers = new Map<AskAnswer["kind"], number>();
  const codes: { readonly customer: string; readonly code: string }[] = [];
  let count = 0;
  let lossCount = 0;

  const execute = (args: readonly string[]): boolean => {
    if (!options.isServerUp()) return false;
    return !(server.execute(args, world.now() + options.serverSkewMs()) instanceof SimpleError);
  };
  /** To a named stream or straight to the log of its partition; again until it is acknowledged. */
  const produce = (stream: string | undefined, event: Event): void => {
    const key = keyOf(event);
    const payload = Buffer.from(JSON.stringify(event), "utf8").toString("latin1");
    const target = stream ?? `nba:{${partitionOf(key, PARTITIONS)}}:events`;
    const fields = stream === undefined ? ["s", "direct", "d", payload] : ["d", payload];
    if (execute(["XADD", target, "*", ...fields]))
      acknowledged.push({ id: event.id, key, stream: target, units: server.units() });
    else world.after(RETRY_MS, () => produce(stream, event));
  };
  const throughEngine = (event: Event): void => {
    const key = keyOf(event);
    const ready = fleet.engines().filter(({ loop }) => loop.engine.ready().ok);
    const engine = ready[chance.below(ready.length)];
    if (engine === undefined) {
      world.after(RETRY_MS, () => throughEngine(event));
      return;
    }
    const { id, type, ts, props } = event;
    const sentBefore = lossCount;
    const taken: CustomerEvent = { id, type, key, ts: ts as Instant, source: "http", props };
    engine.process.enter(() => {
      void engine.engine.append([taken]).then(([appended]) => {
        if (engine.process.state() === "dead") return;
        // Told after Redis lost what it had written: it may be gone.
        if (appended?.kind === "appended" && sentBefore !== lossCount) return;
        if (appended?.kind === "appended") acknowledged.push({ id, key, stream: undefined, units: server.units() });
        else world.after(RETRY_MS, () => throughEngine(event));
      });
    });
  };
  const ask = (key: CustomerKey, idempotencyKey: string | undefined, attempts: number): void => {
    const ready = fleet.engines().filter(({ loop }) => loop.engine.ready().ok);
    if (ready.length === 0) return;
    const engine = chance.pick(ready);
    const asked = lossCount;
    engine.process.enter(() => {
      const placements = [{ name: "home" }];
      const keyed = idempotencyKey === undefined ? {} : { idempotencyKey, requestHash: idempotencyKey };
      void engine.engine
        .ask({ key, channel: "app", placements, context: {}, deadlineMs: 400 + chance.below(1_500), ...keyed })
        .then((answer) => {
          if (engine.process.state() === "dead") return;
          answers.set(answer.kind, (answers.get(answer.kind) ?? 0) + 1);
          world.note(`answer ${idempotencyKey ?? ""} ${answer.kind}`);
          if (answer.kind === "decided") decided(answer, idempotencyKey, asked);
          else if (answer.kind === "unavailable" && attempts > 0) {
            world.after(answer.retryAfterMs, () => ask(key, idempotencyKey, attempts - 1));
          }
        });
    });
  };
  const told = new Map<string, string>();
  const decided = (
    { record }: Extract<AskAnswer, { kind: "decided" }>,
    idempotencyKey: string | undefined,
    asked: number,
  ): void => {
    const kept = observer.committed.get(record.id);
    const items = JSON.stringify(record.slates);
    if (kept === undefined) observer.violate(`S2: the decision ${record.id} was answered and never committed`);
    else if (JSON.stringify(kept.slates) !== items) {
      observer.violate(`S2: the decision ${record.id} was answered otherwise than it was committed`);
    }
    for (const { trackingCode } of record.slates.flatMap((slate) => slate.items)) {
      codes.push({ customer: record.key, code: trackingCode });
    }
    if (idempotencyKey === undefined || asked !== lossCount) return;
    const before = told.get(idempotencyKey);
    told.set(idempotencyKey, items);
    if (before !== undefined && before !== items) observer.violate(`S2: ${idempotencyKey} was answered in two ways`);
  };
  const next = (): void => {
    const id = `e${count++}`;
    const isKnown = chance.is(0.8);
    const whose = isKnown ? { customer: chance.pick(CUSTOMERS) } : { anonymousId: chance.pick(DEVICES) };
    const base = { id, ts: world.now() - (chance.is(0.1) ? chance.below(3_000) : 0), ...whose };
    const key = keyOf(base);
    const dice = chance.below(100);
    if (dice < 22) {
      ask(key, chance.is(0.7) ? `ask-${id}` : undefined, 3);
      if (chance.is(0.2)) world.after(chance.below(2_000), () => ask(key, `ask-${id}`, 3));
      return;
    }
    const route = chance.below(10);
    const send = (type: string, stream: string, props: Event["props"]): void => {
      const event: Event = { ...base, type, props: { ...props, step: count } };
      const go =
        route < 6
          ? () => produce(stream, event)
          : route < 8
            ? () => produce(undefined, event)
            : () => throughEngine(event);
      go();
      if (chance.is(0.15)) world.after(chance.below(4_000), go);
    };
    if (dice < 50) send("page_view", "clickstream", {});
    else if (dice < 65) send("purchase", "transactions", { amount: 1 + chance.below(200) });
    else if (dice < 78) send("left", "clickstream", {});
    else if (dice < 82) {
      const identify: Event = {
        id,
        ts: base.ts,
        type: "identify",
        customer: chance.pick(CUSTOMERS),
        anonymousId: chance.pick(DEVICES),
        props: {},
      };
      produce("clickstream", identify);
    } else if (codes.length > 0) {
      const { customer, code } = chance.pick(codes);
      const outcome = chance.pick(["presented", "clicked", "accepted", "declined"]);
      const event: Event = {
        id,
        type: "outcome",
        ts: base.ts,
        ...ofKey(customer),
        props: { trackingCode: code, outcome },
      };
      produce("outcomes", event);
      if (chance.is(0.2)) world.after(chance.below(3_000), () => produce("outcomes", event));
    } else send("page_view", "clickstream", {});
  };
  for (let at = 0; at < options.events; at++) world.after(chance.below(options.forMs), next);
  return {
    acknowledged: () => acknowledged,
    lost: (units) => {
      lossCount++;
      told.clear();
      acknowledged = acknowledged.filter((each) => each.units <= units);
    },
    answers,
    execute,
    sent: () => count,
  };
}

function keyOf({ customer, anonymousId }: Pick<Event, "customer" | "anonymousId">): CustomerKey {
  return customer === undefined ? (`anon:${anonymousId}` as CustomerKey) : customerKey(customer);
}

function ofKey(key: string): { readonly customer: string } | { readonly anonymousId: string } {
  return key.startsWith("anon:") ? { anonymousId: key.slice("anon:".length) } : { customer: key };
}
