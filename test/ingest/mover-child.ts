// A process that runs the front door until it is killed. Arguments: URL of Redis, number of partitions, lease in ms.
import { createFrontDoor } from "../../engine/ingest/front-door.ts";
import { connectRedis } from "../../engine/journal/redis.ts";

const [url, partitions, leaseMs] = process.argv.slice(2) as [string, string, string];
createFrontDoor({
  connect: () => connectRedis({ url, silenceMs: 3_000 }),
  partitions: Number(partitions),
  owner: String(process.pid),
  leaseMs: Number(leaseMs),
  log: {
    warn: (facts, message) => console.error(message, facts),
    error: (facts, message) => console.error(message, facts),
  },
  batchMax: 50,
}).start();
console.log("moving");
