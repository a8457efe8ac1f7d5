// A process that runs the front door until it is killed. Arguments: URL of Redis, number of partitions.
import { createFrontDoor } from "../../engine/ingest/front-door.ts";
import { connectRedis } from "../../engine/journal/redis.ts";

const [url, partitions] = process.argv.slice(2) as [string, string];
createFrontDoor({
  connect: () => connectRedis({ url, silenceMs: 3_000 }),
  partitions: Number(partitions),
  log: { warn: (facts, message) => console.error(message, facts) },
  batchMax: 50,
}).start();
console.log("moving");
