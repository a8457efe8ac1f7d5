// Stands between an engine and Redis like a thin line: of the answers so many bytes a millisecond pass over each connection.
import { connect, createServer, type Socket } from "node:net";

export interface SlowProxy {
  readonly url: string;
  /** From now on; not a number: as fast as they come. */
  readonly pass: (bytesPerMs: number) => void;
  readonly cutAll: () => void;
  readonly stop: () => void;
}

/** Both are paths of unix sockets. */
export async function startSlowProxy(listenPath: string, redisPath: string): Promise<SlowProxy> {
  let bytesPerMs = Number.NaN;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const redis = connect(redisPath);
    open.add(client);
    client.pipe(redis);
    redis.on("data", (piece) => {
      client.write(piece);
      if (Number.isNaN(bytesPerMs)) return;
      redis.pause();
      setTimeout(() => redis.resume(), piece.length / bytesPerMs);
    });
    for (const socket of [client, redis]) socket.on("error", () => undefined);
    client.on("close", () => {
      open.delete(client);
      redis.destroy();
    });
    redis.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(listenPath, resolve));
  const cutAll = (): void => {
    for (const client of open) client.destroy();
  };
  return {
    url: `unix://${listenPath}`,
    pass: (rate) => {
      bytesPerMs = rate;
    },
    cutAll,
    stop: () => {
      cutAll();
      server.close();
    },
  };
}
