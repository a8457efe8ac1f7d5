// Stands between a loop and Redis, and cuts every connection at a chosen thing that the loop sends: before Redis has it, or
// after, so that the reply is lost. The loop then drops its memory and recovers, as after a kill.
import { connect, createServer, type Socket } from "node:net";

export interface CuttingProxy {
  readonly url: string;
  /** From now on pieces count; the `at`-th (1-based) is let through or not, and then every connection is cut. */
  readonly arm: (at: number, letsThrough: boolean) => void;
  /** Cuts once, before Redis has it, where something that is sent has this text in it. */
  readonly armText: (text: string) => void;
  /** Its turn has passed. False where it had not come yet: then it does not come any more. */
  readonly disarm: () => boolean;
  readonly stop: () => void;
}

/** Both are paths of unix sockets. */
export async function startCuttingProxy(listenPath: string, redisPath: string): Promise<CuttingProxy> {
  const pairs = new Set<{ readonly client: Socket; readonly redis: Socket }>();
  let sent = 0;
  let armed:
    | { readonly at: number; readonly letsThrough: boolean }
    | { readonly text: string; readonly letsThrough: false }
    | undefined;
  const isTheOne = (piece: Buffer): boolean =>
    armed !== undefined && ("at" in armed ? sent >= armed.at : piece.includes(armed.text));
  const cut = (): void => {
    armed = undefined;
    for (const { client, redis } of pairs) {
      client.destroy();
      redis.end(); // what was written before still arrives
    }
    pairs.clear();
  };
  const server = createServer((client) => {
    const redis = connect(redisPath);
    const pair = { client, redis };
    pairs.add(pair);
    redis.pipe(client);
    client.on("data", (piece) => {
      if (!pairs.has(pair)) return;
      sent++;
      const isLast = isTheOne(piece);
      if (!isLast || armed?.letsThrough === true) redis.write(piece);
      if (isLast) cut();
    });
    client.on("error", () => redis.end());
    client.on("close", () => redis.end());
    redis.on("error", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(listenPath, resolve));
  return {
    url: `unix://${listenPath}`,
    arm: (at, letsThrough) => {
      sent = 0;
      armed = { at, letsThrough };
    },
    armText: (text) => {
      armed = { text, letsThrough: false };
    },
    disarm: () => {
      const wasCut = armed === undefined;
      armed = undefined;
      return wasCut;
    },
    stop: () => void server.close(),
  };
}
