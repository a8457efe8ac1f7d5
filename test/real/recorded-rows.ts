// The recorded files, read here by the columns that their folder documents: nothing of engine/ has a say in it.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { CDNOW, TAOBAO } from "../models/shared-data.ts";

export interface RecordedRow {
  readonly customer: string;
  readonly type: string;
  readonly ts: number;
  readonly props: Readonly<Record<string, string | number>>;
}

export interface Recording {
  readonly path: string;
  readonly mapping: string;
  /** By 1-based line. */
  readonly rows: ReadonlyMap<number, RecordedRow>;
  /** What a replay calls the event of a line. */
  readonly idOf: (line: number) => string;
  /** By customer, in the order of time, then of the file. */
  readonly byCustomer: ReadonlyMap<string, readonly RecordedRow[]>;
  readonly lastTs: number;
  /** Lines that are no whole row. */
  readonly cut: number;
}

const TAOBAO_TYPES: Readonly<Record<string, string>> = {
  pv: "page_view",
  cart: "add_to_cart",
  fav: "add_to_favourites",
  buy: "purchase",
};

/** user,item,category,behaviour,seconds; of the whole file, or of one that has some of its lines. */
export function readTaobao(path = TAOBAO): Recording {
  return read(
    path,
    "taobao",
    /^(\d+),(\d+),(\d+),(pv|cart|fav|buy),(\d{9,10})$/,
    ([user, item, category, what, s]) => ({
      customer: `taobao-${user}`,
      type: TAOBAO_TYPES[what as string] as string,
      ts: Number(s) * 1000,
      props: { item: item as string, category: category as string },
    }),
  );
}

/** master_id sample_id YYYYMMDD cds usd */
export function readCdnow(): Recording {
  return read(CDNOW, "cdnow", /^\s*(\d+)\s+\d+\s+(\d{8})\s+(\d+)\s+(\d+\.\d+)\s*$/, ([customer, day, cds, usd]) => ({
    customer: `cdnow-${customer}`,
    type: "purchase",
    ts: Date.parse(`${day?.slice(0, 4)}-${day?.slice(4, 6)}-${day?.slice(6)}T00:00:00Z`),
    props: { amount: Number(usd), items: Number(cds) },
  }));
}

function read(path: string, mapping: string, row: RegExp, toRow: (cells: readonly string[]) => RecordedRow): Recording {
  const bytes = gunzipSync(readFileSync(path));
  const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
  const rows = new Map<number, RecordedRow>();
  let cut = 0;
  for (const [index, line] of bytes.toString().split(/\r?\n/).entries()) {
    const cells = row.exec(line);
    if (cells !== null) rows.set(index + 1, toRow(cells.slice(1)));
    else if (line.trim() !== "") cut++;
  }
  const byCustomer = new Map<string, RecordedRow[]>();
  for (const one of [...rows.values()].sort((a, b) => a.ts - b.ts)) {
    const list = byCustomer.get(one.customer);
    if (list === undefined) byCustomer.set(one.customer, [one]);
    else list.push(one);
  }
  const lastTs = [...rows.values()].reduce((last, { ts }) => Math.max(last, ts), 0);
  return { path, mapping, rows, idOf: (line) => `${mapping}-${digest}-${line}`, byCustomer, lastTs, cut };
}
