// Accounts of quotas in memory: what journal/quota.lua does, for one process.
import type { PartitionIndex } from "../domain/ids.ts";
import type { QuotaAccount, QuotaAccounts, QuotaRow } from "../journal/quota.ts";

interface Holder {
  epoch: number;
  granted: number;
  spent: number;
}

interface Account {
  readonly holders: Map<PartitionIndex, Holder>;
  starved: number;
}

/** @param parts an ask gets one part in so many of what is left, unless it wishes for more */
export function createMemoryQuotas(parts: number): QuotaAccounts {
  const accounts = new Map<string, Account>();
  const accountOf = (line: string): Account => {
    const account = accounts.get(line) ?? { holders: new Map(), starved: 0 };
    accounts.set(line, account);
    return account;
  };
  return {
    exchange: async ({ line, limit }: QuotaAccount, rows: readonly QuotaRow[]) => {
      const account = accountOf(line);
      const granted = rows.map((row) => apply(account, limit, parts, row));
      return { sum: sumOf(account), starved: account.starved, granted };
    },
    read: async (line) => {
      const account = accountOf(line);
      const partitions = [...account.holders]
        .map(([partition, { granted, spent }]) => ({ partition, granted, spent }))
        .sort((a, b) => a.partition - b.partition);
      return { sum: sumOf(account), starved: account.starved, partitions };
    },
  };
}

function apply(account: Account, limit: number, parts: number, row: QuotaRow): number | undefined {
  const holder = account.holders.get(row.partition) ?? { epoch: 0, granted: 0, spent: 0 };
  if (row.epoch < holder.epoch) return undefined;
  account.holders.set(row.partition, holder);
  holder.epoch = row.epoch;
  holder.spent = row.spent;
  holder.granted = (row.kind === "give" ? Math.min : Math.max)(holder.granted, row.granted);
  if (row.kind === "ask") {
    const room = limit - sumOf(account);
    const held = holder.granted - row.spent;
    const more = Math.max(0, Math.min(room, Math.max(row.wish, Math.floor(room / parts)) - held));
    if (held + more < row.need) account.starved++;
    if (held + more >= row.least) holder.granted += more;
  }
  return holder.granted;
}

function sumOf({ holders }: Account): number {
  let sum = 0;
  for (const { granted } of holders.values()) sum += granted;
  return sum;
}
