// One walk over the register of one partition: page by page, at its pace, its progress written down where it can go on.
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import type { EntryFields } from "../ingest/log-entry.ts";
import type { Register, Walk } from "../journal/register.ts";
import { LIMITS } from "../limits.ts";

export interface Walker {
  readonly walk: () => Walk;
  /** Asks for as many customers as are due at this pace; `counted` is what became of those before. */
  readonly goOn: (nowMs: number, perSecond: number, counted: Counted) => Promise<void>;
}

export interface Counted {
  readonly asked: number;
  readonly acted: number;
}

export interface WalkerOptions {
  readonly register: Register;
  readonly partition: PartitionIndex;
  readonly name: string;
  /** As another owner left it; undefined: it begins. */
  readonly before: Walk | undefined;
  /** Appends one entry for a customer to the input log, where the customer is still known; settles when it is durable. */
  readonly append: (key: CustomerKey, fields: EntryFields) => Promise<unknown>;
  readonly entry: (key: CustomerKey) => EntryFields;
  readonly nowMs: number;
  /** In [0, 1): at a slow pace not all partitions should take their turn at the same instant. */
  readonly head: number;
}

/** Progress in between is written down this often. */
const TELL_MS = 1_000;

export async function createWalker(options: WalkerOptions): Promise<Walker> {
  const { register, partition, name, append, entry } = options;
  let walk = await beginning(options);
  let saved = walk;
  let savedAt = options.nowMs;
  let page: { readonly left: CustomerKey[]; readonly next: string } | undefined;
  let allowance = options.head;
  let allowedAt = options.nowMs;

  const save = async (nowMs: number): Promise<void> => {
    if (walk === saved) return;
    saved = walk;
    savedAt = nowMs;
    await register.save(partition, name, walk);
  };
  const takeTurns = async (nowMs: number): Promise<void> => {
    if (page === undefined) {
      const { keys, next } = await register.page(partition, walk.cursor, LIMITS.walkPageCustomers);
      page = { left: [...keys], next };
    }
    const turns = page.left.splice(0, Math.floor(allowance));
    await Promise.all(turns.map((key) => append(key, entry(key))));
    allowance -= turns.length;
    walk = { ...walk, walked: walk.walked + turns.length, ofPage: walk.ofPage + turns.length };
    if (page.left.length > 0) return;
    walk = { ...walk, cursor: page.next, ofPage: 0, isDone: page.next === "0" };
    page = undefined;
    await save(nowMs);
  };
  return {
    walk: () => walk,
    goOn: async (nowMs, perSecond, { asked, acted }) => {
      if (asked !== walk.asked || acted !== walk.acted) walk = { ...walk, asked, acted };
      const gained = (Math.max(0, nowMs - allowedAt) / 1_000) * perSecond;
      allowance = Math.min(allowance + gained, Math.max(1, perSecond));
      allowedAt = nowMs;
      while (allowance >= 1 && !walk.isDone) await takeTurns(nowMs);
      if (nowMs - savedAt >= TELL_MS) await save(nowMs);
    },
  };
}

/** The page that was under way is walked again; all of it where Redis was started anew, for its cursors mean nothing then. */
async function beginning({ register, partition, name, before }: WalkerOptions): Promise<Walk> {
  if (before?.isDone === true) return before;
  const server = await register.server();
  if (before !== undefined && before.server === server) {
    return { ...before, walked: before.walked - before.ofPage, ofPage: 0 };
  }
  const total = await register.size(partition);
  const walk: Walk = { cursor: "0", server, walked: 0, ofPage: 0, total, isDone: false, asked: 0, acted: 0 };
  await register.save(partition, name, walk);
  return walk;
}
