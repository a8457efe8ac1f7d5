// What the simulated Redis holds of logs and journals, read without the engine's fold.
import { unpack } from "msgpackr";
import type { DecisionRecord, Withdrawal } from "../../engine/domain/decision.ts";
import { decodeCommit } from "../../engine/journal/commit-record.ts";
import { existing, type Stream } from "./database.ts";
import type { RedisServer } from "./redis-server.ts";

/** An event of a producer, as it stands in an input log. */
export interface LoggedEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly key: string;
  readonly customer: string | undefined;
  readonly anonymousId: string | undefined;
  readonly props: Readonly<Record<string, unknown>>;
}

export interface LoggedCommit {
  readonly partition: number;
  readonly seq: number;
  /** The one before it; 0: it is the first. */
  readonly after: number;
  readonly decisions: readonly DecisionRecord[];
  readonly withdrawals: readonly Withdrawal[];
}

export function streamOf({ db }: RedisServer, key: string): Stream | undefined {
  return existing(db, key, "stream");
}

/** What an entry of an input log says; undefined: it is one of the engine's own. */
export function eventOf(fields: readonly string[]): LoggedEvent | undefined {
  const named = new Map<string, string>();
  for (let at = 0; at < fields.length; at += 2) named.set(fields[at] as string, fields[at + 1] as string);
  const source = named.get("s") ?? "";
  return source.startsWith("$") ? undefined : { ...decode(named.get("d") ?? ""), source };
}

function decode(payload: string): Omit<LoggedEvent, "source"> {
  const bytes = Buffer.from(payload, "latin1");
  const found = (payload.startsWith("{") ? JSON.parse(bytes.toString("utf8")) : unpack(bytes)) as Record<
    string,
    unknown
  >;
  const { id, type, customer, anonymousId, props } = found;
  return {
    id: String(id),
    type: String(type),
    key: customer === undefined ? `anon:${anonymousId}` : String(customer),
    customer: customer === undefined ? undefined : String(customer),
    anonymousId: anonymousId === undefined ? undefined : String(anonymousId),
    props: (props ?? {}) as Record<string, unknown>,
  };
}

export function commitOf(partition: number, seq: number, payload: string): LoggedCommit {
  const { decisions, withdrawals, after = seq - 1 } = decodeCommit(Buffer.from(payload, "latin1"));
  return { partition, seq, after, decisions, withdrawals };
}
