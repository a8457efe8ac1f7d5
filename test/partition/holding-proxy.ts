// Stands between a loop and Redis like a network that goes on later: from a chosen piece on it keeps what is said until it is told
// to let it through, whatever became of the loop's own end of the connection by then.
import { connect, createServer, type Socket } from "node:net";

export interface HoldingProxy {
  readonly url: string;
  /** Holds what the loop sends from the first piece on that has this text in it: `before` that piece, or `after` it and the answers, too. */
  readonly hold: (text: string, from: "before" | "after") => void;
  readonly isHolding: () => boolean;
  /** Lets everything through that was held, in order, and whatever comes after it. */
  readonly release: () => void;
  /** Every connection ends, and none is taken any more: the loop is cut off for good. */
  readonly stop: () => void;
}

/** Both are paths of unix sockets. */
export async function startHoldingProxy(listenPath: string, redisPath: string): Promise<HoldingProxy> {
  const pairs = new Set<{ readonly client: Socket; readonly redis: Socket }>();
  let wanted: { readonly text: string; readonly from: "before" | "after" } | undefined;
  const holding = { sent: false, answered: false };
  const held: (() => void)[] = [];
  const pass = (isHeld: boolean, to: Socket, piece: Buffer): void => {
    const write = (): void => void (to.destroyed ? undefined : to.write(piece));
    if (isHeld) held.push(write);
    else write();
  };
  const server = createServer((client) => {
    const redis = connect(redisPath);
    pairs.add({ client, redis });
    client.on("data", (piece) => {
      const from = wanted !== undefined && piece.includes(wanted.text) ? wanted.from : undefined;
      if (from === "before") holding.sent = true;
      pass(holding.sent, redis, piece);
      if (from === "after") holding.sent = holding.answered = true;
      if (from !== undefined) wanted = undefined;
    });
    redis.on("data", (piece) => pass(holding.answered, client, piece));
    for (const socket of [client, redis]) socket.on("error", () => undefined);
    // What is held may still have to arrive: the connection to Redis ends with the proxy only.
    client.on("close", () => (holding.sent ? undefined : redis.end()));
    redis.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(listenPath, resolve));
  return {
    url: `unix://${listenPath}`,
    hold: (text, from) => {
      wanted = { text, from };
    },
    isHolding: () => holding.sent,
    release: () => {
      holding.sent = holding.answered = false;
      for (const write of held.splice(0)) write();
    },
    stop: () => {
      server.close();
      for (const { client, redis } of pairs) {
        client.destroy();
        redis.end();
      }
    },
  };
}
