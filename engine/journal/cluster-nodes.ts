// The connections to the nodes of a cluster: one to each, opened when it is needed. A node that is silent while others answer is
// given up early: what waits for it would hold up what the others keep. From then on whoever needs it is told so at once,
// and the next connection to it is tried beside.
import { type Argument, type RedisConnection, RedisTrouble } from "./redis.ts";

export interface ClusterNodesOptions {
  /** One attempt to connect to the node at host:port. */
  readonly connect: (address: string) => Promise<RedisConnection>;
  /** How long a node may be silent while others answer. */
  readonly patienceMs: number;
  /** Told once for each connection that was open and is lost; not for those that `close` closes. */
  readonly onLost: (address: string, why: string) => void;
}

export interface ClusterNodes {
  /** The open connection to this node, or one attempt at it; after one that failed none for a moment. Rejects with RedisTrouble. */
  readonly at: (address: string) => Promise<RedisConnection>;
  /** Nodes with an open connection. */
  readonly open: () => readonly string[];
  readonly close: () => void;
}

interface Node {
  readonly opening: Promise<RedisConnection>;
  /** Once it is open. */
  connection: RedisConnection | undefined;
  asked: number;
  answered: number;
  answeredAtLook: number;
  /** Looks in a row at which nothing had been answered, though something was asked. */
  silentLooks: number;
}

const CONNECT_AGAIN_MS = 200;
/** In so many looks the patience is over. */
const LOOKS = 4;

export function createClusterNodes({ connect, patienceMs, onLost }: ClusterNodesOptions): ClusterNodes {
  const nodes = new Map<string, Node>();
  const failedAt = new Map<string, number>();
  /** Given up for their silence, and not connected to since. */
  const silent = new Set<string>();
  let isClosed = false;

  async function at(address: string): Promise<RedisConnection> {
    const opening = (nodes.get(address) ?? begin(address)).opening;
    if (!silent.has(address)) return await opening;
    opening.catch(() => undefined); // whoever asks next tries again
    throw new RedisTrouble(`${address} does not answer`);
  }

  function begin(address: string): Node {
    if (isClosed) throw new RedisTrouble("the connection to Redis is closed");
    if (performance.now() - (failedAt.get(address) ?? Number.NEGATIVE_INFINITY) < CONNECT_AGAIN_MS) {
      throw new RedisTrouble(`${address} does not answer`);
    }
    const opening = connect(address).then((connection) => opened(address, node, connection));
    const node: Node = { opening, connection: undefined, asked: 0, answered: 0, answeredAtLook: 0, silentLooks: 0 };
    nodes.set(address, node);
    opening.catch(() => {
      failedAt.set(address, performance.now());
      if (nodes.get(address) === node) nodes.delete(address);
    });
    return node;
  }

  function opened(address: string, node: Node, connection: RedisConnection): RedisConnection {
    if (isClosed) connection.close();
    silent.delete(address);
    node.connection = counted(node, connection);
    connection.onClosed((why) => lost(address, node, why));
    return node.connection;
  }

  function lost(address: string, node: Node, why: string): void {
    if (isClosed || nodes.get(address) !== node) return;
    nodes.delete(address);
    if (node.silentLooks > 0) silent.add(address);
    onLost(address, why);
  }

  function look(): void {
    const connected = [...nodes].filter(([, { connection }]) => connection !== undefined);
    const quiet = connected.filter(([, node]) => node.asked > node.answered && node.answered === node.answeredAtLook);
    for (const [, node] of connected) {
      node.answeredAtLook = node.answered;
      if (node.asked === node.answered) node.silentLooks = 0;
    }
    if (quiet.length === connected.length) return; // then it is not that one that others should be kept from
    for (const [address, node] of connected) {
      if (!quiet.some(([, each]) => each === node)) node.silentLooks = 0;
      else if (++node.silentLooks >= LOOKS) {
        const { connection } = node;
        lost(address, node, `no answer for ${patienceMs} ms while other nodes answered`);
        connection?.close();
      }
    }
  }

  const looking = setInterval(look, patienceMs / LOOKS);
  looking.unref();
  return {
    at,
    open: () => [...nodes].flatMap(([address, { connection }]) => (connection === undefined ? [] : [address])),
    close: () => {
      isClosed = true;
      clearInterval(looking);
      for (const { opening } of nodes.values()) opening.then((each) => each.close()).catch(() => undefined);
    },
  };
}

/** The same connection, counting what it is asked. A read that may block is no silence. */
function counted(node: Node, connection: RedisConnection): RedisConnection {
  const answered = async <T>(reply: Promise<T>): Promise<T> => {
    node.asked++;
    try {
      return await reply;
    } finally {
      node.answered++;
    }
  };
  const isBlocking = (args: readonly Argument[]): boolean => args[0] === "XREAD" && args.includes("BLOCK");
  return {
    ...connection,
    command: (args, near) =>
      isBlocking(args) ? connection.command(args, near) : answered(connection.command(args, near)),
    script: (script, keys, args) => answered(connection.script(script, keys, args)),
  };
}
