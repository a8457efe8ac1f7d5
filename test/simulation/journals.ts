// What the simulated Redis holds of logs and journals, read without the engine's fold.
import { unpack } from "msgpackr";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
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
}

export function streamOf({ db }: RedisServer, key: string): Stream | undefined {
  return existing(db, key, "stream");
}

/** In the order of the log; entries of the engine's own are left out. */
export function eventsOf(server: RedisServer, partition: number): readonly LoggedEvent[] {
  const entries = streamOf(server, `nba:{${partition}}:events`)?.entries ?? [];
  return entries.flatMap(({ fields }) => {
    const named = new Map<string, string>();
    for (let at = 0; at < fields.length; at += 2) named.set(fields[at] as string, fields[at + 1] as string);
    const source = named.get("s") ?? "";
    return source.startsWith("$") ? [] : [{ ...decode(named.get("d") ?? ""), source }];
  });
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

export function commitsOf(server: RedisServer, partition: number): readonly LoggedCommit[] {
  const entries = streamOf(server, `nba:{${partition}}:journal`)?.entries ?? [];
  return entries.map(({ ms, fields }) => {
    const { decisions, after = ms - 1 } = decodeCommit(Buffer.from(fields[1] as string, "latin1"));
    return { partition, seq: ms, after, decisions };
  });
}
