// The register of all known customers of a partition (its sorted set of timers), walked page by page, and how far each walk
// has come: a hash `nba:{p}:walks`, name of the walk to JSON. Walking twice does no harm, so no write here needs the fence.
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import { partitionKeys } from "./keys.ts";
import { type RedisConnection, type Reply, text } from "./redis.ts";

export interface Walk {
  /** Of ZSCAN, at the beginning of the page that is not done yet; "0" at the start. It means something to one server process only. */
  readonly cursor: string;
  readonly server: string;
  /** Customers whose turn has been asked for, `ofPage` of them on the page that is not done yet: those are asked for again after a kill. */
  readonly walked: number;
  readonly ofPage: number;
  /** Customers in the register when it began. */
  readonly total: number;
  readonly isDone: boolean;
  /** Decisions of a campaign so far, and those that offered something. */
  readonly asked: number;
  readonly acted: number;
}

export interface RegisterPage {
  readonly keys: readonly CustomerKey[];
  /** "0" after the last page. */
  readonly next: string;
}

export interface Register {
  /** About `count` customers; all there are where they are few. Whoever is in the register throughout comes at least once. */
  readonly page: (partition: PartitionIndex, cursor: string, count: number) => Promise<RegisterPage>;
  readonly size: (partition: PartitionIndex) => Promise<number>;
  /** Names the server process, of which a cursor is good for one only. */
  readonly server: () => Promise<string>;
  readonly walks: (partition: PartitionIndex) => Promise<ReadonlyMap<string, Walk>>;
  readonly save: (partition: PartitionIndex, name: string, walk: Walk) => Promise<void>;
  readonly forget: (partition: PartitionIndex, name: string) => Promise<void>;
}

export function createRegister({ command }: Pick<RedisConnection, "command">): Register {
  return {
    page: async (partition, cursor, count) => {
      const { timers } = partitionKeys(partition);
      const [next, flat] = (await command(["ZSCAN", timers, cursor, "COUNT", String(count)])) as readonly [
        Reply,
        readonly Reply[],
      ];
      const keys = flat.filter((_, index) => index % 2 === 0).map((key) => text(key) as CustomerKey);
      return { keys, next: text(next) };
    },
    size: async (partition) => Number(await command(["ZCARD", partitionKeys(partition).timers])),
    server: async () => /^run_id:(\w+)/m.exec(text(await command(["INFO", "server"])))?.[1] ?? "",
    walks: async (partition) => {
      const flat = (await command(["HGETALL", partitionKeys(partition).walks])) as readonly Reply[];
      const walks = new Map<string, Walk>();
      for (let index = 0; index < flat.length; index += 2) {
        walks.set(text(flat[index]), JSON.parse(text(flat[index + 1])) as Walk);
      }
      return walks;
    },
    save: async (partition, name, walk) => {
      await command(["HSET", partitionKeys(partition).walks, name, JSON.stringify(walk)]);
    },
    forget: async (partition, name) => {
      await command(["HDEL", partitionKeys(partition).walks, name]);
    },
  };
}
