// Which node of a Redis Cluster keeps a key.
import { crc16 } from "../domain/partition-of.ts";
import { type Argument, type Reply, text } from "./redis.ts";

/** `host:port` of the master of each slot; undefined where no node has it. */
export type SlotOwners = readonly (string | undefined)[];

export const SLOTS = 16_384;

/** By the bytes between the first `{` and the next `}`, where there are any; else by the whole key. */
export function slotOf(key: Argument): number {
  const bytes = Buffer.isBuffer(key) ? key : Buffer.from(key);
  const open = bytes.indexOf("{");
  const close = open < 0 ? -1 : bytes.indexOf("}", open + 1);
  return crc16(close > open + 1 ? bytes.subarray(open + 1, close) : bytes) % SLOTS;
}

/** The reply of CLUSTER SLOTS. `host`: of the node that was asked, which it means where it does not know its own. */
export function ownersOf(reply: Reply, host: string): SlotOwners {
  const owners: (string | undefined)[] = new Array(SLOTS);
  for (const range of reply as readonly (readonly Reply[])[]) {
    const [from, to, master] = range as readonly [number, number, readonly Reply[]];
    const [ip, port] = master;
    owners.fill(`${text(ip) || host}:${text(port)}`, from, to + 1);
  }
  return owners;
}

/** Slots that another node has now than before. Those of which nobody says where they are stay where they were. */
export function movedSlots(before: SlotOwners, now: SlotOwners): ReadonlySet<number> {
  const moved = new Set<number>();
  for (let slot = 0; slot < SLOTS; slot++) {
    if (before[slot] !== undefined && now[slot] !== undefined && before[slot] !== now[slot]) moved.add(slot);
  }
  return moved;
}

/** Slots that this node is handing over or taking in just now, by its line of CLUSTER NODES. */
export function slotsUnderWay(nodes: string): ReadonlySet<number> {
  const own = nodes.split("\n").find((line) => /^\S+ \S+ \S*\bmyself\b/.test(line)) ?? "";
  return new Set([...own.matchAll(/\[(\d+)-[<>]-/g)].map(([, slot]) => Number(slot)));
}

export type Redirect = { readonly kind: "moved" | "ask"; readonly address: string } | { readonly kind: "wait" };

/** What the message of an error of a cluster node asks for; undefined where it is another error. */
export function redirectOf(message: string, host: string): Redirect | undefined {
  const found = /^(MOVED|ASK) \d+ (\S*):(\d+)$/.exec(message);
  if (found === null)
    return /^(TRYAGAIN|CLUSTERDOWN|MASTERDOWN|READONLY|LOADING)\b/.test(message) ? { kind: "wait" } : undefined;
  const [, word, named, port] = found as unknown as readonly [string, string, string, string];
  return { kind: word === "MOVED" ? "moved" : "ask", address: `${named || host}:${port}` };
}
