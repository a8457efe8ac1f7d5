// The only importer of the Redis client. A connection here never reconnects and never sends anything twice: when it is
// in doubt it is closed, every command under way is rejected, and whoever owns it opens a new one and looks at what
// Redis holds. (Clients that resend a write whose reply was lost write it twice; others never settle.)
import { createHash } from "node:crypto";
import { createClient, RESP_TYPES } from "@redis/client";

/** Bulk strings come as Buffers. */
export type Reply = Buffer | number | string | null | readonly Reply[];
export type Argument = string | Buffer;

export class RedisTrouble extends Error {
  override readonly name = "RedisTrouble";
}

export interface RedisScript {
  readonly source: string;
  readonly sha1: string;
}

export interface RedisConnection {
  /**
   * Rejects with RedisTrouble when the connection is lost or silent, with the server's error otherwise. A command without a
   * key goes to the node that keeps `near`; of one server that is always the same.
   */
  readonly command: (args: readonly Argument[], near?: string) => Promise<Reply>;
  /** EVALSHA, and EVAL where the server does not know the script yet. Every key must be declared. */
  readonly script: (script: RedisScript, keys: readonly Argument[], args: readonly Argument[]) => Promise<Reply>;
  /** No command can be sent any more, whatever its key. */
  readonly isClosed: () => boolean;
  readonly onClosed: (listener: ClosedListener) => void;
  readonly close: () => void;
  /** Of a cluster only. */
  readonly cluster?: ClusterView;
}

export interface ClusterView {
  /** Resolves where the slot of this key is wholly at one node; rejects with RedisTrouble while it is being moved. */
  readonly settled: (key: string) => Promise<void>;
  /** One for each node that keeps slots just now: for commands without a key that concern all of them. */
  readonly masters: () => readonly ((args: readonly Argument[]) => Promise<Reply>)[];
}

/**
 * Told that a connection was lost, given up or closed, once for each. `covers(key)`: was what is kept under this key behind
 * it? Of one server everything is; of a cluster one node may be lost while the others go on.
 */
export type ClosedListener = (why: string, covers: (key: string) => boolean) => void;

export interface RedisOptions {
  /** redis://, rediss:// or unix:///path/to/socket */
  readonly url: string;
  /** A command without an answer for this long closes the connection. Must exceed the longest BLOCK sent on it. */
  readonly silenceMs: number;
}

export function redisScript(source: string): RedisScript {
  return { source, sha1: createHash("sha1").update(source).digest("hex") };
}

/** Nothing blocks while a connection is opened, however long it may be silent afterwards. */
const CONNECT_MS = 2_000;
/** Between two attempts: a server that is back should not be waited for. */
const AGAIN_MS_MAX = 500;

/** One attempt to connect. Rejects where nothing answers. */
export async function connectRedis(options: RedisOptions): Promise<RedisConnection> {
  const client = createClient({
    ...target(options.url),
    RESP: 2,
    disableOfflineQueue: true,
    // The watchdog below minds silence. The client's own time-out makes an AbortSignal with a timer for every command,
    // which costs ten times as much as the command itself.
    commandOptions: { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
  const listeners: ClosedListener[] = [];
  const state = { closed: false, sent: 0, answered: 0, answeredAtCheck: 0, silentChecks: 0 };
  const shut = (why: string): void => {
    if (state.closed) return;
    state.closed = true;
    clearInterval(watchdog);
    client.destroy();
    for (const listener of listeners) listener(why, () => true);
  };
  client.on("error", (error: Error) => shut(error.message));
  client.on("end", () => shut("the connection ended"));
  const checkMs = Math.max(10, options.silenceMs / 4);
  const watchdog = setInterval(() => {
    const silent = state.sent > state.answered && state.answered === state.answeredAtCheck;
    state.silentChecks = silent ? state.silentChecks + 1 : 0;
    state.answeredAtCheck = state.answered;
    if (state.silentChecks >= 4) shut(`no answer for ${options.silenceMs} ms`);
  }, checkMs);
  watchdog.unref();
  const command = async (args: readonly Argument[]): Promise<Reply> => {
    if (state.closed) throw new RedisTrouble("the connection to Redis is closed");
    state.sent++;
    try {
      return (await client.sendCommand(args as Argument[])) as unknown as Reply;
    } catch (error) {
      throw asTrouble(error, state.closed);
    } finally {
      state.answered++;
    }
  };
  try {
    await answered(client.connect(), Math.min(options.silenceMs, CONNECT_MS));
  } catch (error) {
    shut("could not connect");
    throw asTrouble(error, true);
  }
  return {
    command,
    script: (script, keys, args) => runScript(command, script, keys, args),
    isClosed: () => state.closed,
    onClosed: (listener) => void listeners.push(listener),
    close: () => shut("closed by the engine"),
  };
}

/** The client itself would wait for the answers to its handshake for ever, and with it whoever opens a connection. */
async function answered(connecting: Promise<unknown>, silenceMs: number): Promise<void> {
  let giveUp: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_, reject) => {
    const why = `the connection was not answered within ${silenceMs} ms`;
    giveUp = setTimeout(() => reject(new RedisTrouble(why)), silenceMs);
  });
  try {
    await Promise.race([connecting, patience]);
  } finally {
    clearTimeout(giveUp);
  }
}

/** Tries until Redis answers PING (a server that is still loading does not), saying so through `onWait`. */
export async function awaitRedis(
  connect: () => Promise<RedisConnection>,
  onWait: (why: string) => void,
  isStopped: () => boolean = () => false,
): Promise<RedisConnection> {
  for (let attempt = 0; ; attempt++) {
    let connection: RedisConnection | undefined;
    try {
      connection = await connect();
      await connection.command(["PING"]);
      return connection;
    } catch (error) {
      connection?.close(); // the server may have taken it, and refuse what is asked
      if (isStopped()) throw error;
      onWait(error instanceof Error ? error.message : String(error));
      await new Promise((resolve) => setTimeout(resolve, Math.min(50 * 2 ** attempt, AGAIN_MS_MAX)));
    }
  }
}

export function text(reply: Reply | undefined): string {
  if (reply === null || reply === undefined) return "";
  return Buffer.isBuffer(reply) ? reply.toString("utf8") : String(reply);
}

async function runScript(
  command: RedisConnection["command"],
  script: RedisScript,
  keys: readonly Argument[],
  args: readonly Argument[],
): Promise<Reply> {
  const call: Argument[] = ["EVALSHA", script.sha1, String(keys.length)];
  for (const key of keys) call.push(key);
  for (const arg of args) call.push(arg);
  try {
    return await command(call);
  } catch (error) {
    // NOSCRIPT is refused before anything ran: sending the source is no repetition.
    if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
    return await command(["EVAL", script.source, ...call.slice(2)]);
  }
}

function asTrouble(error: unknown, closed: boolean): Error {
  const message = error instanceof Error ? error.message : String(error);
  const isServerError = /^[A-Z]+ /.test(message) && !closed;
  return isServerError ? (error as Error) : new RedisTrouble(message);
}

function target(url: string): object {
  const never = { reconnectStrategy: false as const, connectTimeout: CONNECT_MS, noDelay: true };
  if (url.startsWith("unix://"))
    return { socket: { ...never, path: url.slice("unix://".length), tls: false as const } };
  if (url.startsWith("rediss://")) return { url, socket: { ...never, tls: true as const } };
  return { url, socket: never };
}
