// Stands between a process and Redis, so that a kill can come between any two things that the process sends: time alone
// would hardly ever hit the moment after an append and before what follows it.
import { connect, createServer } from "node:net";

export interface KillingProxy {
  readonly url: string;
  /** What is sent over connections made from now on counts; at piece number `at` (1-based) kills, having let that piece through or not. */
  readonly arm: (at: number, letsThrough: boolean, kill: () => void) => void;
  readonly stop: () => void;
}

/** Both are paths of unix sockets. */
export async function startKillingProxy(listenPath: string, redisPath: string): Promise<KillingProxy> {
  let remaining = Number.POSITIVE_INFINITY;
  let generation = 0;
  let last = { letsThrough: true, kill: (): void => undefined };
  const server = createServer((client) => {
    const redis = connect(redisPath);
    const born = generation;
    redis.pipe(client);
    client.on("data", (piece) => {
      if (born !== generation) return;
      remaining--;
      if (remaining > 0 || (remaining === 0 && last.letsThrough)) redis.write(piece);
      if (remaining === 0) last.kill();
    });
    client.on("error", () => redis.end());
    client.on("close", () => redis.end());
    redis.on("error", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(listenPath, resolve));
  const arm = (at: number, letsThrough: boolean, kill: () => void): void => {
    generation++;
    remaining = at;
    last = { letsThrough, kill };
  };
  return { url: `unix://${listenPath}`, arm, stop: () => void server.close() };
}
