// What Redis holds after a run, counted with another client and another decoder.
import type { Redis } from "ioredis";
import { unpack } from "msgpackr";

export interface PartitionBooks {
  /** What the engine wrote down as having become of the entries of this log. */
  readonly counts: {
    readonly folded: number;
    readonly duplicate: number;
    readonly dead: number;
    readonly internal: number;
  };
  readonly entries: number;
  /** Entries of engines: timers, delivery notes, activations. */
  readonly internal: number;
  /** source and id -> how often it stands in the log. */
  readonly events: ReadonlyMap<string, number>;
  /** Ids of events whose customer does not belong here. */
  readonly astray: readonly string[];
  /** Reasons, in order. */
  readonly dead: readonly string[];
}

const PAGE = 5_000;

export async function readBooks(redis: Redis, partitions: number): Promise<readonly PartitionBooks[]> {
  const books: PartitionBooks[] = [];
  for (let partition = 0; partition < partitions; partition++)
    books.push(await readPartition(redis, partition, partitions));
  return books;
}

async function readPartition(redis: Redis, partition: number, partitions: number): Promise<PartitionBooks> {
  const base = await redis.hgetBuffer(`nba:{${partition}}:checkpoint`, "base");
  if (base === null) throw new Error(`partition ${partition} has no checkpoint`);
  const { counts } = unpack(base) as { counts: PartitionBooks["counts"] };
  const events = new Map<string, number>();
  const astray: string[] = [];
  let [entries, internal] = [0, 0];
  for (let from = "-"; ; ) {
    const page = await redis.xrangeBuffer(`nba:{${partition}}:events`, from, "+", "COUNT", PAGE);
    for (const [, fields] of page) {
      entries++;
      const source = field(fields, "s")?.toString() ?? "";
      if (source.startsWith("$")) {
        internal++;
        continue;
      }
      const { id, customer } = decode(field(fields, "d") as Buffer);
      events.set(`${source} ${id}`, (events.get(`${source} ${id}`) ?? 0) + 1);
      if (crc16(customer) % partitions !== partition) astray.push(id);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) break;
    from = `(${last[0].toString()}`;
  }
  const letters = await redis.xrange(`nba:{${partition}}:dead`, "-", "+");
  const dead = letters.map(([, fields]) => fields[fields.indexOf("reason") + 1] as string);
  return { counts, entries, internal, events, astray, dead };
}

function field(fields: readonly Buffer[], name: string): Buffer | undefined {
  const at = fields.findIndex((each, index) => index % 2 === 0 && each.toString() === name);
  return at === -1 ? undefined : fields[at + 1];
}

function decode(payload: Buffer): { readonly id: string; readonly customer: string } {
  return (payload[0] === 0x7b ? JSON.parse(payload.toString()) : unpack(payload)) as { id: string; customer: string };
}

/** CRC16/XMODEM, bit by bit. */
export function crc16(text: string): number {
  let crc = 0;
  for (const byte of Buffer.from(text)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

/** Over all partitions. */
export function totals(books: readonly PartitionBooks[]): PartitionBooks["counts"] & { readonly entries: number } {
  const sum = (of: (one: PartitionBooks) => number): number => books.reduce((total, one) => total + of(one), 0);
  return {
    entries: sum(({ entries }) => entries),
    folded: sum(({ counts }) => counts.folded),
    duplicate: sum(({ counts }) => counts.duplicate),
    dead: sum(({ counts }) => counts.dead),
    internal: sum(({ counts }) => counts.internal),
  };
}
