// Looks at what Redis executes, and notes what must never be seen: a commit by somebody who was fenced, something delivered
// that was not committed.
import { readFileSync } from "node:fs";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import type { DecisionId } from "../../engine/domain/ids.ts";
import { sourceFile } from "../../engine/journal/source-file.ts";
import { SimpleError, Status } from "./database.ts";
import { commitOf, eventOf, type LoggedCommit, type LoggedEvent, streamOf } from "./journals.ts";
import type { Executed, RedisServer } from "./redis-server.ts";

export interface Observer {
  /** Every decision that was ever committed, also where Redis has lost it since. */
  readonly committed: ReadonlyMap<DecisionId, DecisionRecord>;
  /** All that were written to the journal of a partition, in order, less what Redis has lost: trimmed ones, too. */
  readonly commits: (partition: number) => readonly LoggedCommit[];
  /** The same of its input log, without the entries that are the engine's own. */
  readonly events: (partition: number) => readonly LoggedEvent[];
  readonly violations: readonly string[];
  readonly violate: (what: string) => void;
  /** To be told after Redis was started anew: leases may have been lost. */
  readonly restarted: () => void;
}

export const ACQUIRE = readFileSync(sourceFile("engine/journal/acquire.lua"), "latin1");
export const COMMIT = readFileSync(sourceFile("engine/journal/commit.lua"), "latin1");
export const APPEND_ONCE = readFileSync(sourceFile("engine/ingest/append-once.lua"), "latin1");

function partitionOf(key = ""): string {
  return /\{(\d+)\}/.exec(key)?.[1] ?? "";
}

/** One call of the script has many; commit.lua says how. */
function commitsOf({ keys, args }: NonNullable<Executed["script"]>): readonly {
  readonly partition: string;
  readonly token: string | undefined;
  readonly seq: string | undefined;
}[] {
  let key = 0;
  let at = 1;
  return Array.from({ length: Number(args[0]) }, () => {
    const [own = "0", token, , seq] = args.slice(at, at + 4);
    const commit = { partition: partitionOf(keys[key]), token, seq };
    at += 7;
    let gone = 0;
    for (const [list, width] of [2, 2, 1, 2, 5].entries()) {
      const count = Number(args[at]);
      if (list === 2) gone = count;
      at += 1 + width * count;
    }
    at += Number(own) - 7 - gone;
    key += Number(own);
    return commit;
  });
}

export function createObserver(server: RedisServer, partitions: number): Observer {
  const committed = new Map<DecisionId, DecisionRecord>();
  const indexes = Array.from({ length: partitions }, (_, index) => index);
  const commits = indexes.map((): LoggedCommit[] => []);
  const events = indexes.map((): { readonly ms: number; readonly seq: number; readonly event: LoggedEvent }[] => []);
  const violations: string[] = [];
  const tokens = new Map<string, string | undefined>();
  const violate = (what: string): void => void violations.push(what);

  const checkToken = ({ script, answer }: Executed): void => {
    if (script === undefined || answer instanceof SimpleError) return;
    if (!Array.isArray(answer)) return;
    if (script.source === ACQUIRE && answer[0] === "ACQUIRED") {
      tokens.set(partitionOf(script.keys[0]), script.args[1]);
    }
    if (script.source !== COMMIT) return;
    for (const [index, { partition, token, seq }] of commitsOf(script).entries()) {
      const reply = answer[index];
      const isTaken = reply === "OK" || (reply instanceof Status && reply.text === "OK");
      if (isTaken && tokens.get(partition) !== token)
        violate(`S4: partition ${partition} took commit ${seq} of an owner whose token was replaced`);
    }
  };
  const checkWritten = ([name, key = "", id = "", ...fields]: readonly string[]): void => {
    if (name !== "XADD") return;
    const [, partition, which] = /^nba:\{(\d+)\}:(journal|events)$/.exec(key) ?? [];
    const [ms = 0, seq = 0] = id.split("-").map(Number);
    const [, payload = ""] = fields;
    if (which === "journal") {
      const commit = commitOf(Number(partition), ms, payload);
      for (const record of commit.decisions) committed.set(record.id, record);
      commits[Number(partition)]?.push(commit);
    } else if (which === "events") {
      const event = eventOf(fields);
      if (event !== undefined) events[Number(partition)]?.push({ ms, seq, event });
    }
    if (!key.startsWith("nba:channel:")) return;
    const message = JSON.parse(Buffer.from(payload, "latin1").toString("utf8")) as { readonly decisionId: DecisionId };
    if (!committed.has(message.decisionId)) violate(`S2: ${key} ${id} was delivered before its decision was committed`);
  };
  server.onExecuted((executed) => {
    checkToken(executed);
    for (const written of executed.written) checkWritten(written);
  });
  const forget = (partition: number): void => {
    const journal = streamOf(server, `nba:{${partition}}:journal`);
    const log = streamOf(server, `nba:{${partition}}:events`);
    const [lastCommit, lastMs, lastSeq] = [journal?.lastMs ?? 0, log?.lastMs ?? 0, log?.lastSeq ?? 0];
    commits[partition] = (commits[partition] ?? []).filter(({ seq }) => seq <= lastCommit);
    events[partition] = (events[partition] ?? []).filter(
      ({ ms, seq }) => ms < lastMs || (ms === lastMs && seq <= lastSeq),
    );
  };
  return {
    committed,
    commits: (partition) => commits[partition] ?? [],
    events: (partition) => (events[partition] ?? []).map(({ event }) => event),
    violations,
    violate,
    restarted: () => {
      for (const partition of indexes) {
        forget(partition);
        const lease = server.db.values.get(`nba:{${partition}}:lease`);
        tokens.set(String(partition), lease?.kind === "hash" ? lease.fields.get("token") : undefined);
      }
    },
  };
}
