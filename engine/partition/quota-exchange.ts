// Moves units of quotas between the accounts in Redis and the ledgers of this process' partitions. Nothing is ever overspent:
// a grant is in the account before it is in a ledger, and out of the ledger, committed, before it is out of the account. A
// crash in between leaves units in the account that no ledger has; the next owner's `settle` gives them back.
import type { CommitSeq } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { QuotaAccount, QuotaAccounts, QuotaRow, QuotaStanding } from "../journal/quota.ts";
import type { Quota } from "../rulebook/policies.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { Draft, Partition } from "./partition.ts";
import { grant, leftOn, limitOf, lineOf } from "./quota-ledger.ts";
import { isTrouble } from "./trouble.ts";

/** What the exchange reads and writes of a partition. */
export type QuotaHolder = Pick<Partition, "index" | "epoch" | "seq" | "skewMs" | "lastNow" | "quotas"> & {
  readonly active: { readonly rulebook: Pick<Rulebook, "quotas"> };
  readonly draft: Pick<Draft, "granted">;
};

/** What the decisions of one wave could take of one quota in one partition: their cheapest contact, their dearest, all. Whole units. */
export interface QuotaDemand {
  readonly partition: QuotaHolder;
  readonly quota: Quota;
  readonly least: number;
  readonly need: number;
  readonly wish: number;
}

export interface QuotaExchange {
  /**
   * Raises the grants of lines that hold less than is wished for. To be awaited before these decisions choose. Where an account
   * cannot be reached, what is held is all there is.
   */
  readonly prepare: (demands: readonly QuotaDemand[]) => Promise<void>;
  /** Within a step: takes units out of ledgers that others need more, or all of them. The commit must follow. */
  readonly giveBack: (partitions: readonly QuotaHolder[], all: boolean) => void;
  /**
   * After the acknowledgement of a commit: what it took out of the ledger leaves the accounts. Rejects as commands do; then the
   * partition must be taken anew: should that come late after all, it would take back what was asked for meanwhile.
   */
  readonly committed: (partition: QuotaHolder, seq: CommitSeq) => Promise<void>;
  /**
   * Right after recovery: the accounts say what the ledgers do, and no older epoch may write to them any more. Where an account
   * cannot be reached, that is done before more is asked of it: until then nobody can have given what these ledgers hold.
   */
  readonly settle: (partitions: readonly QuotaHolder[]) => Promise<void>;
  /** Now and then: does somebody wait for units that are idle here? And does an account lack, after a failover, what is held here? */
  readonly poll: (partitions: readonly QuotaHolder[]) => Promise<void>;
  readonly read: QuotaAccounts["read"];
  /** This partition is held no more. */
  readonly forget: (partition: QuotaHolder) => void;
}

export interface QuotaExchangeOptions {
  readonly accounts: QuotaAccounts;
  readonly clock: () => number;
  /** A line from which nothing was spent for this long may be given back. */
  readonly idleMs: number;
  /** After an ask in vain the same partition asks again only after this. */
  readonly againMs: number;
  /** A later owner of this partition has been seen: this one spends nothing more. */
  readonly onFenced: (partition: QuotaHolder) => void;
  /** An account could not be reached, and is tried again later. */
  readonly onTrouble: (line: string, why: string) => void;
}

/** Of one line in one partition, beside its ledger. */
interface LineState {
  /** Units spent when this was last looked at, and since when it has not changed. */
  spent: number;
  spentAt: number;
  /** As of the last demand: fewer units than this are of no use. */
  least: number;
  /** Not asked for again before this. */
  restsUntil: number;
  /** The account was told what the ledger of this owner says, and no ask since was without an answer. */
  isSettled: boolean;
  /** Of the quota as it was when this line was last spent from. */
  limit: number;
  /** Out of the ledger by this commit, still in the account. */
  leaving: { readonly account: QuotaAccount; readonly seq: CommitSeq } | undefined;
}

/** What was last seen of one account. */
interface Seen {
  starved: number;
  /** Somebody waits for units. */
  isWanted: boolean;
  /** More is granted than the quota has: it was lowered, and what is not spent yet should not be. */
  isOver: boolean;
}

export function createQuotaExchange(options: QuotaExchangeOptions): QuotaExchange {
  const { accounts, clock } = options;
  const lines = new Map<QuotaHolder, Map<string, LineState>>();
  const seen = new Map<string, Seen>();
  const stateOf = (partition: QuotaHolder, line: string): LineState => {
    const known = lines.get(partition) ?? new Map<string, LineState>();
    lines.set(partition, known);
    const state = known.get(line) ?? newLine(clock());
    known.set(line, state);
    return state;
  };
  const nowOf = (partition: QuotaHolder): Instant => Math.max(clock() + partition.skewMs, partition.lastNow) as Instant;

  async function prepare(demands: readonly QuotaDemand[]): Promise<void> {
    const nowMs = clock();
    await leaveLowered(demands);
    const asks = new Map<string, { account: QuotaAccount; demands: QuotaDemand[] }>();
    for (const demand of demands) {
      const { partition, quota, least, wish } = demand;
      const account = accountOf(quota, partition.lastNow);
      const state = stateOf(partition, account.line);
      state.least = least;
      if (leftOn(partition.quotas, account.line) >= wish) continue;
      if (state.leaving !== undefined || nowMs < state.restsUntil) continue;
      const group = asks.get(account.line) ?? { account, demands: [] };
      asks.set(account.line, group);
      group.demands.push(demand);
    }
    if (asks.size > 0) await Promise.all([...asks.values()].map((group) => ask(group.account, group.demands, nowMs)));
  }

  /** Of a quota that was lowered more may be out than it has now: then nothing is spent of what these partitions hold. */
  async function leaveLowered(demands: readonly QuotaDemand[]): Promise<void> {
    const lowered = new Map<string, { account: QuotaAccount; partitions: QuotaHolder[] }>();
    for (const { partition, quota } of demands) {
      const account = accountOf(quota, partition.lastNow);
      const state = stateOf(partition, account.line);
      const isLowered = account.limit < state.limit;
      state.limit = account.limit;
      if (!isLowered || leftOn(partition.quotas, account.line) === 0) continue;
      const group = lowered.get(account.line) ?? { account, partitions: [] };
      lowered.set(account.line, group);
      group.partitions.push(partition);
    }
    for (const { account, partitions } of lowered.values()) {
      const found = await reached(account.line, accounts.read(account.line));
      // What cannot be told may be too much.
      if (found === undefined || found.sum > account.limit)
        for (const partition of partitions) leave(partition, account);
    }
  }

  /** Takes what is not spent out of the ledger; it leaves the account after the commit. */
  function leave(partition: QuotaHolder, account: QuotaAccount): void {
    journal(partition, account.line, partition.quotas.get(account.line)?.spent ?? 0);
    stateOf(partition, account.line).leaving = { account, seq: (partition.seq + 1) as CommitSeq };
  }

  async function ask(account: QuotaAccount, demands: readonly QuotaDemand[], nowMs: number): Promise<void> {
    const unsettled = [...lines.keys()].filter((holder) => !stateOf(holder, account.line).isSettled);
    const isSettled = unsettled.length === 0 || (await settleLine(account, unsettled));
    const rows = demands.map(({ partition, least, need, wish }): QuotaRow => {
      return { ...rowOf("hold", partition, account.line), kind: "ask", least, need, wish };
    });
    const reply = isSettled ? await reached(account.line, accounts.exchange(account, rows)) : undefined;
    for (const [at, { partition, wish }] of demands.entries()) {
      const state = stateOf(partition, account.line);
      if (reply === undefined) {
        state.restsUntil = nowMs + options.againMs;
        state.isSettled = false; // the account may have granted what the ledger does not know
        continue;
      }
      const granted = reply.granted[at];
      if (granted === undefined) {
        options.onFenced(partition);
        continue;
      }
      if (granted !== partition.quotas.get(account.line)?.granted) journal(partition, account.line, granted);
      if (leftOn(partition.quotas, account.line) < wish) state.restsUntil = nowMs + options.againMs;
    }
  }

  function giveBack(partitions: readonly QuotaHolder[], all: boolean): void {
    if (!all && ![...seen.values()].some(({ isWanted, isOver }) => isWanted || isOver)) return;
    const nowMs = clock();
    for (const partition of partitions) {
      for (const quota of partition.active.rulebook.quotas) {
        const account = accountOf(quota, nowOf(partition));
        const left = leftOn(partition.quotas, account.line);
        const state = stateOf(partition, account.line);
        if (left === 0 || state.leaving !== undefined) continue;
        const isIdle = nowMs - state.spentAt > options.idleMs || left < state.least;
        const { isWanted, isOver } = seen.get(account.line) ?? NOTHING_SEEN;
        if (!(all || isOver || (isWanted && isIdle))) continue;
        leave(partition, account);
      }
    }
    for (const account of seen.values()) account.isWanted = account.isOver = false;
  }

  async function committed(partition: QuotaHolder, seq: CommitSeq): Promise<void> {
    for (const [line, state] of lines.get(partition) ?? []) {
      const { leaving } = state;
      if (leaving === undefined || leaving.seq > seq) continue;
      await accounts.exchange(leaving.account, [rowOf("give", partition, line)]);
      state.leaving = undefined;
    }
  }

  /** Undefined where it is not known what the account says. */
  async function reached<T>(line: string, reply: Promise<T>): Promise<T | undefined> {
    try {
      return await reply;
    } catch (error) {
      if (!isTrouble(error)) throw error;
      options.onTrouble(line, error.message);
      return undefined;
    }
  }

  async function settle(partitions: readonly QuotaHolder[]): Promise<void> {
    const groups = new Map<string, { account: QuotaAccount; holders: QuotaHolder[] }>();
    for (const partition of partitions) {
      for (const quota of partition.active.rulebook.quotas) {
        const account = accountOf(quota, nowOf(partition));
        const group = groups.get(account.line) ?? { account, holders: [] };
        groups.set(account.line, group);
        group.holders.push(partition);
      }
    }
    await Promise.all([...groups.values()].map(({ account, holders }) => settleLine(account, holders)));
  }

  /** Where the account has less than the ledger, one of them was lost in a failover: what is not spent is not held any more. */
  async function settleLine(account: QuotaAccount, holders: readonly QuotaHolder[]): Promise<boolean> {
    const { line } = account;
    const rows = holders.map((partition) => rowOf("give", partition, line));
    const reply = await reached(line, accounts.exchange(account, rows));
    for (const [at, partition] of holders.entries()) {
      stateOf(partition, line).isSettled = reply !== undefined;
      const known = reply?.granted[at];
      const { granted, spent } = partition.quotas.get(line) ?? { granted: 0, spent: 0 };
      if (known !== undefined && known < granted) journal(partition, line, Math.max(known, spent));
    }
    return reply !== undefined;
  }

  async function poll(partitions: readonly QuotaHolder[]): Promise<void> {
    const held = new Map<string, QuotaAccount>();
    for (const partition of partitions) {
      for (const quota of partition.active.rulebook.quotas) {
        const account = accountOf(quota, nowOf(partition));
        if ((partition.quotas.get(account.line)?.granted ?? 0) > 0) held.set(account.line, account);
        look(partition, account.line);
      }
      forgetOver(partition);
    }
    for (const line of seen.keys()) if (!held.has(line)) seen.delete(line);
    for (const account of held.values()) {
      const { line, limit } = account;
      const { sum, starved, partitions: known } = await accounts.read(line);
      const rows = partitions
        .filter((partition) => (partition.quotas.get(line)?.granted ?? 0) > (grantedTo(known, partition) ?? 0))
        .map((partition) => rowOf("hold", partition, line));
      if (rows.length > 0) await accounts.exchange(account, rows);
      const before = seen.get(line) ?? { ...NOTHING_SEEN, starved };
      const isWanted = before.isWanted || starved > before.starved;
      seen.set(line, { starved, isWanted, isOver: sum > limit });
    }
  }

  /** Days go by: what is noted of lines that nobody spends from any more is of no use. */
  function forgetOver(partition: QuotaHolder): void {
    const known = lines.get(partition);
    const now = new Set(partition.active.rulebook.quotas.map((quota) => lineOf(quota, nowOf(partition))));
    for (const [line, { leaving }] of known ?? []) if (leaving === undefined && !now.has(line)) known?.delete(line);
  }

  function look(partition: QuotaHolder, line: string): void {
    const spent = partition.quotas.get(line)?.spent ?? 0;
    const state = stateOf(partition, line);
    if (spent === state.spent) return;
    state.spent = spent;
    state.spentAt = clock();
  }

  return {
    prepare,
    giveBack,
    committed,
    settle,
    poll,
    read: accounts.read,
    forget: (partition) => void lines.delete(partition),
  };
}

function grantedTo(known: QuotaStanding["partitions"], { index }: QuotaHolder): number | undefined {
  return known.find(({ partition }) => partition === index)?.granted;
}

const NOTHING_SEEN: Seen = { starved: 0, isWanted: false, isOver: false };

function newLine(nowMs: number): LineState {
  const limit = Number.POSITIVE_INFINITY;
  return { spent: 0, spentAt: nowMs, least: 0, restsUntil: 0, isSettled: true, limit, leaving: undefined };
}

function journal(partition: QuotaHolder, line: string, granted: number): void {
  grant(partition.quotas, line, granted);
  partition.draft.granted.set(line, granted);
}

function rowOf(kind: "give" | "hold", partition: QuotaHolder, line: string): QuotaRow {
  const { granted, spent } = partition.quotas.get(line) ?? { granted: 0, spent: 0 };
  return { kind, partition: partition.index, epoch: partition.epoch, spent, granted };
}

function accountOf(quota: Quota, now: Instant): QuotaAccount {
  return { line: lineOf(quota, now), limit: limitOf(quota, now) };
}
