// Quotas over all partitions: the account of a line has at least what the ledgers of its partitions say, its sum is the sum of
// its parts, and no more is granted than the quota has.
import type { PartitionIndex } from "../domain/ids.ts";
import { createQuotaAccounts } from "../journal/quota.ts";
import type { RedisConnection } from "../journal/redis.ts";
import type { BookShelf } from "./book-shelf.ts";
import type { Differ } from "./difference.ts";
import { wholeMax } from "./quota-lines.ts";
import type { PartitionTold } from "./verify-partition.ts";

/** Units on their way back leave the ledger before they leave the account: looked at again, that is over. */
const LOOKS_MAX = 5;

export async function checkQuotas(
  connection: RedisConnection,
  told: ReadonlyMap<PartitionIndex, PartitionTold>,
  shelf: BookShelf,
  differ: Differ,
): Promise<void> {
  const accounts = createQuotaAccounts(connection, told.size);
  const lines = new Set([...told.values()].flatMap(({ ledger }) => [...ledger.keys()]));
  for (const line of lines) {
    for (let look = 1; ; look++) {
      const found = await accounts.read(line);
      if (found.partitions.length === 0) break; // forgotten: the day is long over
      const short = [...told].filter(([index, { ledger }]) => {
        const granted = found.partitions.find(({ partition }) => partition === index)?.granted ?? 0;
        return (ledger.get(line)?.granted ?? 0) > granted;
      });
      if (short.length > 0 && look < LOOKS_MAX) {
        for (const [, { walkOn }] of short) await walkOn();
        continue;
      }
      for (const [index, { ledger }] of short) {
        differ("S3", undefined, `quota ${line}: account of partition ${index}`, found.partitions, ledger.get(line));
      }
      const sum = found.partitions.reduce((total, { granted }) => total + granted, 0);
      if (sum !== found.sum) differ("S3", undefined, `quota ${line}: sum of the account`, found.sum, sum);
      const max = mostOf(line, shelf);
      if (max !== undefined && sum > max) differ("S3", undefined, `quota ${line}: granted`, sum, `at most ${max}`);
      break;
    }
  }
}

/** The largest that any rulebook had; undefined where none has such a quota. */
function mostOf(line: string, shelf: BookShelf): number | undefined {
  const [id, unit] = line.split("/");
  const quotas = shelf.all().flatMap(({ rulebook }) => rulebook.quotas);
  const own = quotas.filter((quota) => quota.id === id && quota.unit === unit).map(wholeMax);
  return own.length === 0 ? undefined : Math.max(...own);
}
