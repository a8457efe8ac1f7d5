// Recorded files of other systems as events: one mapping for each file format, one pure function for each row.
import type { Props } from "../domain/event.ts";

/** What one row means. Rows that share a `basket` are one event: amounts and items are summed, the earliest time counts. */
export interface MappedEvent {
  readonly kind: "event";
  readonly type: string;
  readonly stream: "clickstream" | "transactions";
  readonly who: { readonly customer: string } | { readonly anonymousId: string };
  /** ms since 1970, UTC. */
  readonly ts: number;
  readonly props: Props;
  readonly basket?: string;
}

export type MappedRow = MappedEvent | { readonly kind: "refused"; readonly why: string };

export type Separator = "," | "\t" | "spaces";

export interface Mapping {
  readonly name: string;
  readonly about: string;
  readonly separator: Separator;
  /** The columns that the first line must name; undefined: the file has no header. */
  readonly header: readonly string[] | undefined;
  readonly cells: number;
  readonly row: (cells: readonly string[]) => MappedRow;
}

/** The last instant that a date can be. */
const INSTANT_MAX = 8.64e15;

const TAOBAO_TYPES: ReadonlyMap<string, string> = new Map([
  ["pv", "page_view"],
  ["cart", "add_to_cart"],
  ["fav", "add_to_favourites"],
  ["buy", "purchase"],
]);

const RETAIL_COLUMNS = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";
const JOURNEY_COLUMNS =
  "household_id,store_id,basket_id,product_id,quantity,sales_value,retail_disc,coupon_disc,coupon_match_disc,week,transaction_timestamp";

export const MAPPINGS: readonly Mapping[] = [
  {
    name: "cdnow",
    about: "CDNOW sample: master_id sample_id date cds usd, by day",
    separator: "spaces",
    header: undefined,
    cells: 5,
    row: ([customer = "", , date = "", cds = "", usd = ""]) => {
      const ts = utcDay(/^(\d{4})(\d{2})(\d{2})$/.exec(date));
      if (ts === undefined) return refused("date is not YYYYMMDD");
      const [amount, items] = [number(usd), number(cds)];
      if (!(amount >= 0 && items >= 0)) return refused("usd or cds is not a number of at least 0");
      return event("purchase", `cdnow-${customer}`, ts, { amount, items });
    },
  },
  {
    name: "grocery",
    about: "grocery event log: cust,date, by day; purchases without an amount",
    separator: ",",
    header: ["cust", "date"],
    cells: 2,
    row: ([customer = "", date = ""]) => {
      const ts = utcDay(/^(\d{4})-(\d{2})-(\d{2})$/.exec(date));
      if (ts === undefined) return refused("date is not YYYY-MM-DD");
      return event("purchase", `grocery-${customer}`, ts, {});
    },
  },
  {
    name: "taobao",
    about: "Taobao user behaviour: user,item,category,pv|cart|fav|buy,seconds",
    separator: ",",
    header: undefined,
    cells: 5,
    row: ([user = "", item = "", category = "", behaviour = "", seconds = ""]) => {
      const type = TAOBAO_TYPES.get(behaviour);
      if (type === undefined) return refused("behaviour is none of pv, cart, fav, buy");
      if (!/^\d{9,10}$/.test(seconds)) return refused("time is not in seconds since 1970");
      return event(type, `taobao-${user}`, Number(seconds) * 1000, { item, category });
    },
  },
  {
    name: "online-retail",
    about: "UCI online retail: invoice lines; an invoice is one purchase, a cancelled one a refund; times read as UTC",
    separator: ",",
    header: RETAIL_COLUMNS.split(","),
    cells: 8,
    row: ([invoice = "", , , quantity = "", date = "", price = "", customer = "", country = ""]) => {
      const ts = usMinute(date);
      if (ts === undefined) return refused("date is not M/D/YY H:MM");
      if (customer === "") return refused("no customer");
      const [pieces, unit] = [number(quantity), number(price)];
      if (!(unit > 0)) return refused("unit price is not above 0");
      const cancelled = invoice.startsWith("C");
      const items = cancelled ? -pieces : pieces;
      if (!(items > 0)) return refused(cancelled ? "cancelled quantity is not below 0" : "quantity is not above 0");
      const props = { amount: items * unit, items, country };
      const type = cancelled ? "refund" : "purchase";
      return { ...event(type, `online-retail-${customer}`, ts, props), basket: `${invoice} ${customer}` };
    },
  },
  {
    name: "yoochoose",
    about: "Yoochoose clicks: SessionId ItemId Time; sessions without a customer",
    separator: "\t",
    header: ["SessionId", "ItemId", "Time"],
    cells: 3,
    row: ([session = "", item = "", seconds = ""]) => {
      const ts = Math.round(number(seconds) * 1000);
      if (!(ts > 0 && ts <= INSTANT_MAX)) return refused("time is not in seconds since 1970");
      const who = { anonymousId: `yoochoose-${session}` };
      return { kind: "event", type: "page_view", stream: "clickstream", who, ts, props: { item } };
    },
  },
  {
    name: "completejourney",
    about: "Complete Journey: lines of supermarket baskets; a basket is one purchase",
    separator: ",",
    header: JOURNEY_COLUMNS.split(","),
    cells: 11,
    row: ([household = "", store = "", basket = "", , quantity = "", sales = "", , , , , time = ""]) => {
      const ts = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(time) ? Date.parse(time) : Number.NaN;
      if (!Number.isFinite(ts)) return refused("time is not YYYY-MM-DDTHH:MM:SSZ");
      const [amount, items] = [number(sales), number(quantity)];
      if (!(amount >= 0 && items >= 0)) return refused("sales value or quantity is not a number of at least 0");
      return { ...event("purchase", `household-${household}`, ts, { amount, items, store }), basket };
    },
  },
];

/** Sums what rows of the same basket share; the other props of the first row stand for the rest. */
export function joinBasket(first: MappedEvent, next: MappedEvent): MappedEvent {
  const sum = (name: string): number => Number(first.props[name]) + Number(next.props[name]);
  const props = { ...first.props, amount: sum("amount"), items: sum("items") };
  return { ...first, ts: Math.min(first.ts, next.ts), props };
}

/** The front-door stream that an event of this type belongs to. */
export function streamOf(type: string): "clickstream" | "transactions" | "outcomes" {
  if (type === "outcome") return "outcomes";
  return type === "purchase" || type === "refund" ? "transactions" : "clickstream";
}

function event(type: string, customer: string, ts: number, props: Props): MappedEvent {
  const stream = streamOf(type) === "transactions" ? "transactions" : "clickstream";
  return { kind: "event", type, stream, who: { customer }, ts, props };
}

function refused(why: string): MappedRow {
  return { kind: "refused", why };
}

/** NaN where the text is no plain decimal number. */
function number(text: string): number {
  return /^-?\d+(\.\d+)?(e[+-]?\d{1,2})?$/.test(text) ? Number(text) : Number.NaN;
}

function utcDay(match: RegExpExecArray | null): number | undefined {
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const ts = Date.UTC(year, month - 1, day);
  const back = new Date(ts);
  return back.getUTCMonth() === month - 1 && back.getUTCDate() === day ? ts : undefined;
}

function usMinute(text: string): number | undefined {
  const match = /^(\d{1,2})\/(\d{1,2})\/(\d{2}) (\d{1,2}):(\d{2})$/.exec(text);
  if (match === null) return undefined;
  const [month, day, year, hour, minute] = match.slice(1).map(Number) as [number, number, number, number, number];
  const midnight = utcDay(/^(\d+)-(\d+)-(\d+)$/.exec(`${2000 + year}-${month}-${day}`));
  return midnight === undefined || hour > 23 || minute > 59 ? undefined : midnight + (hour * 60 + minute) * 60_000;
}
