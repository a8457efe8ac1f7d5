// Somebody who is erased in the middle of a run, whatever goes wrong meanwhile, and of whom nothing may be left at its end.
import { customerKey } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import { PARTITIONS } from "./engine-under-test.ts";
import type { Fleet } from "./fleet.ts";
import type { RedisServer } from "./redis-server.ts";
import type { World } from "./world.ts";

export interface Canary {
  /** An engine has said that nothing is left. */
  readonly isErased: () => boolean;
  /** Redis has lost some of what it had written: perhaps the erasure. */
  readonly lost: () => void;
}

const WORD = "canary-7f3e";
const KEY = customerKey(WORD);
const EVENTS = 9;
const BUSY_MS = 2_500;
const RETRY_MS = 150;
const ASK_AGAIN_MS = 500;

export interface CanaryOptions {
  readonly fleet: Fleet;
  /** One command of a producer; false where Redis did not take it. */
  readonly execute: (args: readonly string[]) => boolean;
}

export function startCanary(world: World, { fleet, execute }: CanaryOptions): Canary {
  const { chance } = world;
  let taken = 0;
  let isErased = false;
  let isErasing = false;
  const produce = (nth: number): void => {
    const type = ["page_view", "purchase", "left"][nth % 3] as string;
    const props = { step: nth, amount: 5, mail: `${WORD}@example.org` };
    const event = { id: `${WORD}-${nth}`, type, ts: world.now(), customer: WORD, props };
    const isMoved = nth % 2 === 0;
    const stream = isMoved ? "clickstream" : `nba:{${partitionOf(KEY, PARTITIONS)}}:events`;
    const fields = [...(isMoved ? [] : ["s", "direct"]), "d", JSON.stringify(event)];
    if (!execute(["XADD", stream, "*", ...fields])) world.after(RETRY_MS, () => produce(nth));
    else if (++taken === EVENTS) world.after(ASK_AGAIN_MS + chance.below(3_000), erase);
  };
  const ask = (): void => {
    // What lies before a process that stands still is read when it goes on: after the erasure somebody new would have come.
    const ready = fleet
      .engines()
      .filter(({ loop, process }) => loop.engine.ready().ok && process.state() === "running");
    if (ready.length === 0) return;
    const { engine, process } = chance.pick(ready);
    const placements = [{ name: "home" }];
    process.enter(() => void engine.ask({ key: KEY, channel: "app", placements, context: {}, deadlineMs: 500 }));
  };
  /** Until one says that it is done. */
  const erase = (): void => {
    isErasing = true;
    world.after(ASK_AGAIN_MS, () => {
      if (!isErased) erase();
    });
    const engines = fleet.engines();
    if (engines.length === 0) return;
    const { engine, process } = chance.pick(engines);
    process.enter(() => {
      engine.erase(KEY).then(
        (state) => {
          if (state !== "erased" || isErased) return;
          isErased = true;
          world.fault("erased");
        },
        (error: Error) => world.note(`the erasure is asked for again: ${error.message}`),
      );
    });
  };
  for (let nth = 0; nth < EVENTS; nth++) world.after(chance.below(BUSY_MS), () => produce(nth));
  for (let nth = 0; nth < 3; nth++) world.after(500 + chance.below(BUSY_MS), ask);
  return {
    isErased: () => isErased,
    lost: () => {
      if (!isErasing || !isErased) return;
      isErased = false;
      erase();
    },
  };
}

/** The keys in which something of the person is left. */
export function tracesIn({ db }: RedisServer): readonly string[] {
  return [...db.values].flatMap(([key, value]) => {
    const texts = ((): readonly string[] => {
      switch (value.kind) {
        case "string":
          return [value.bytes];
        case "hash":
          return [...value.fields].flat();
        case "zset":
          return [...value.scores.keys()];
        case "stream":
          return value.entries.flatMap(({ fields }) => fields);
      }
    })();
    return [key, ...texts].some((text) => text.includes(WORD)) ? [key] : [];
  });
}
