// Several engines on one Redis, as processes, behind what a load balancer does: it asks those that are ready.
import { Redis } from "ioredis";
import { customerKey } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";

export interface Fleet {
  /** Those that are ready. */
  readonly engines: readonly EngineProcess[];
  readonly pick: () => string | undefined;
  readonly add: () => Promise<EngineProcess>;
  /** Asks each engine every 200 ms whether it is ready, as balancers do: from now on `pick` goes by that, and by nothing else. */
  readonly watch: () => void;
  /** Nobody asks it from now on. */
  readonly takeOut: (engine: EngineProcess) => void;
  /** The engine that holds the lease of this customer's partition; undefined while nobody does. */
  readonly ownerOf: (customer: string) => Promise<EngineProcess | undefined>;
  /** How many partitions each engine holds just now, in the order of `engines`. */
  readonly shares: () => Promise<readonly number[]>;
  readonly stop: () => Promise<void>;
}

export function createFleet(
  redisUrl: string,
  partitions: number,
  env: Readonly<Record<string, string>>,
  random: () => number,
): Fleet {
  const engines: EngineProcess[] = [];
  const all = new Set<EngineProcess>();
  const redis = new Redis(redisUrl);
  const up = new Set<EngineProcess>();
  let watching: NodeJS.Timeout | undefined;
  const probe = async (engine: EngineProcess): Promise<void> => {
    const status = await fetch(`${engine.url}/readyz`).then(
      async (answer) => {
        await answer.text();
        return answer.status;
      },
      () => 0,
    );
    if (status === 200 && engines.includes(engine)) up.add(engine);
    else up.delete(engine);
  };
  const addressOf = async (partition: number): Promise<string | null> => {
    const [address, until] = await redis.hmget(`nba:{${partition}}:lease`, "address", "until");
    return Number(until) > Date.now() ? (address ?? null) : null;
  };
  return {
    engines,
    pick: () => {
      const among = watching === undefined ? engines : [...up];
      return among[Math.floor(random() * among.length)]?.url;
    },
    watch: () => {
      for (const engine of engines) up.add(engine);
      watching ??= setInterval(() => {
        for (const engine of engines) void probe(engine);
      }, 200);
    },
    add: async () => {
      const engine = await startEngineProcess({ ...env, PARTITIONS: String(partitions) });
      all.add(engine);
      engines.push(engine);
      return engine;
    },
    takeOut: (engine) => {
      const at = engines.indexOf(engine);
      if (at >= 0) engines.splice(at, 1);
      up.delete(engine);
    },
    ownerOf: async (customer) => {
      const address = await addressOf(partitionOf(customerKey(customer), partitions));
      return engines.find(({ url }) => new URL(url).host === address);
    },
    shares: async () => {
      const addresses = await Promise.all(Array.from({ length: partitions }, (_, index) => addressOf(index)));
      return engines.map(({ url }) => addresses.filter((address) => address === new URL(url).host).length);
    },
    stop: async () => {
      clearInterval(watching);
      await Promise.all([...all].map((engine) => engine.kill()));
      redis.disconnect();
    },
  };
}
