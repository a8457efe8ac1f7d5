// A connection to a Redis Cluster: one to each master, opened when it is needed, each as engine/journal/redis.ts has it.
// Nothing is ever sent again by itself but a read that a node has refused and another one keeps. When a node is lost, or slots
// turn out to have moved, whoever listens is told which keys were behind it: what memory says of those is in doubt, for a
// new master may lack what the old one had acknowledged.
import { createClusterNodes } from "./cluster-nodes.ts";
import {
  movedSlots,
  ownersOf,
  type Redirect,
  redirectOf,
  type SlotOwners,
  slotOf,
  slotsUnderWay,
} from "./cluster-slots.ts";
import { shapeOf } from "./command-table.ts";
import { type Argument, type ClosedListener, type RedisConnection, RedisTrouble, type Reply, text } from "./redis.ts";

export interface ClusterOptions {
  /** Some nodes of it, as URLs; scheme, user and password are those of the first. */
  readonly urls: readonly string[];
  /** One attempt to connect to one node. */
  readonly connect: (url: string) => Promise<RedisConnection>;
  /** How long a node may be silent while others answer. */
  readonly patienceMs: number;
}

const REFRESH_AGAIN_MS = 50;

/** Rejects where no node tells which slots are where. */
export async function connectCluster(options: ClusterOptions): Promise<RedisConnection> {
  const seeds = options.urls.map(addressOf);
  const nodes = createClusterNodes({
    connect: (address) => options.connect(urlOf(options.urls[0] as string, address)),
    patienceMs: options.patienceMs,
    onLost: (address, why) => {
      tell(`${address}: ${why}`, (key) => owners[slotOf(key)] === address);
      refresh().catch(() => undefined); // whoever needs the map next tries again and hears of it
    },
  });
  const listeners: ClosedListener[] = [];
  let owners: SlotOwners = [];
  let isClosed = false;
  let refreshing: Promise<void> | undefined;
  let refreshedAt = Number.NEGATIVE_INFINITY;

  const tell: ClosedListener = (why, covers) => {
    for (const listener of listeners) listener(why, covers);
  };

  /** Asks until one node tells which slots are where; `hint` is asked first. Rejects with RedisTrouble. */
  function refresh(hint?: string): Promise<void> {
    refreshing ??= ask(hint).finally(() => {
      refreshing = undefined;
      refreshedAt = performance.now();
    });
    return refreshing;
  }

  async function ask(hint: string | undefined): Promise<void> {
    const named = owners.filter((address) => address !== undefined);
    const candidates = new Set([...(hint === undefined ? [] : [hint]), ...nodes.open(), ...seeds, ...named]);
    let why = "no node was asked";
    for (const address of candidates) {
      try {
        const reply = await (await nodes.at(address)).command(["CLUSTER", "SLOTS"]);
        const found = ownersOf(reply, hostOf(address));
        if (found.some((owner) => owner !== undefined)) return adopt(found);
        why = `${address} knows no slots`;
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
      }
      if (isClosed) break;
    }
    throw new RedisTrouble(`no node of the cluster tells where the slots are: ${why}`);
  }

  function adopt(found: SlotOwners): void {
    const moved = movedSlots(owners, found);
    owners = found.map((owner, slot) => owner ?? owners[slot]);
    if (moved.size > 0) tell(`${moved.size} slots have moved to other nodes`, (key) => moved.has(slotOf(key)));
  }

  /** Refreshes the map unless that was done just now. */
  async function refreshSoon(): Promise<void> {
    if (performance.now() - refreshedAt > REFRESH_AGAIN_MS || refreshing !== undefined) await refresh();
  }

  function anyNode(): string {
    return nodes.open()[0] ?? owners.find((address) => address !== undefined) ?? (seeds[0] as string);
  }

  function nodeOf(keys: readonly Argument[], near: string | undefined): string {
    const key = keys[0] ?? near;
    if (key === undefined) return anyNode();
    const slot = slotOf(key);
    for (const other of keys) {
      if (slotOf(other) !== slot)
        throw new Error(`"${text(key)}" and "${text(other)}" are not in one slot: no node can touch both`);
    }
    const address = owners[slot];
    if (address === undefined) throw new RedisTrouble(`no node keeps slot ${slot} now`);
    return address;
  }

  /** Sends it to the node that keeps the keys. Refused by the cluster it has changed nothing; then the map is asked for anew. */
  async function routed(
    keys: readonly Argument[],
    near: string | undefined,
    send: (connection: RedisConnection) => Promise<Reply>,
    follow: (redirect: Redirect) => Promise<Reply> | undefined,
  ): Promise<Reply> {
    const address = nodeOf(keys, near);
    let connection: RedisConnection;
    try {
      connection = await nodes.at(address);
    } catch (error) {
      await refreshSoon().catch(() => undefined); // the trouble at hand is told below
      throw error;
    }
    try {
      return await send(connection);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const redirect = redirectOf(message, hostOf(address));
      if (redirect === undefined) throw error;
      if (redirect.kind === "wait") await refreshSoon().catch(() => undefined); // the trouble at hand is told below
      if (redirect.kind === "moved" && nodeOf(keys, near) === address) await refresh(redirect.address);
      const followed = follow(redirect);
      if (followed !== undefined) return await followed;
      throw new RedisTrouble(message);
    }
  }

  async function command(args: readonly Argument[], near?: string): Promise<Reply> {
    const { kind, keys } = shapeOf(args);
    const follow = (redirect: Redirect): Promise<Reply> | undefined =>
      kind !== "read" || redirect.kind === "wait" ? undefined : readAt(redirect, args);
    return await routed(keys(args), near, (connection) => connection.command(args), follow);
  }

  async function readAt(redirect: Exclude<Redirect, { kind: "wait" }>, args: readonly Argument[]): Promise<Reply> {
    const connection = await nodes.at(redirect.address);
    if (redirect.kind === "moved") return await connection.command(args);
    const asking = connection.command(["ASKING"]); // holds for the next command only: nothing may come between
    const reply = connection.command(args);
    reply.catch(() => undefined); // awaited below, unless the first one fails
    await asking;
    return await reply;
  }

  try {
    await refresh();
  } catch (error) {
    nodes.close();
    throw error;
  }
  return {
    command,
    script: (script, keys, args) =>
      routed(
        keys,
        undefined,
        (connection) => connection.script(script, keys, args),
        () => undefined,
      ),
    isClosed: () => isClosed,
    onClosed: (listener) => void listeners.push(listener),
    close: () => {
      if (isClosed) return;
      isClosed = true;
      nodes.close();
      tell("closed by the engine", () => true);
    },
    cluster: {
      masters: () =>
        [...new Set(owners.filter((address) => address !== undefined))].map(
          (address) => async (args) => await (await nodes.at(address)).command(args),
        ),
      settled: async (key) => {
        const under = slotsUnderWay(text(await command(["CLUSTER", "NODES"], key)));
        if (under.has(slotOf(key))) throw new RedisTrouble(`slot ${slotOf(key)} is being moved to another node`);
      },
    },
  };
}

function addressOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname.replace(/^\[|\]$/g, "")}:${port || "6379"}`;
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}

function urlOf(seed: string, address: string): string {
  const url = new URL(seed);
  const host = hostOf(address);
  url.hostname = host.includes(":") ? `[${host}]` : host;
  url.port = address.slice(host.length + 1);
  return url.href;
}
