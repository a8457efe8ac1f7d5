// Gives the engine another go at what a dead letter holds, and takes the letter away. Done twice, or killed in between, it changes
// nothing: an event keeps its id, which the engine knows, and what is to be asked again is asked once.
import { createHash } from "node:crypto";
import type { Props } from "../domain/event.ts";
import { type CustomerKey, type PartitionIndex, parseTrackingCode } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import { parsePayload, readKey } from "../ingest/decode-event.ts";
import { type EntryFields, encodeAgain } from "../ingest/log-entry.ts";
import { isRefused } from "../ingest/refused.ts";
import type { Journal } from "../journal/journal.ts";
import type { RedisConnection } from "../journal/redis.ts";
import { findDecision } from "../partition/find-decision.ts";
import { partitionOfDecision } from "../partition/questions.ts";
import { type DeadLetter, FRONT_DOOR_LETTERS } from "./dead-letters.ts";

export type Retried =
  | { readonly kind: "retried"; readonly stream: string }
  /** It stays where it is. */
  | { readonly kind: "left"; readonly why: string };

/** Of a payload that the front door keeps: what has this size may have been cut. */
const CUT_BYTES = 1_024;

export async function retryLetter(
  connection: RedisConnection,
  journal: Journal,
  partitions: number,
  letter: DeadLetter,
): Promise<Retried> {
  const way = await wayOf(journal, partitions, letter);
  if ("why" in way) return { kind: "left", why: way.why };
  await connection.command(["XADD", way.stream, "*", ...way.fields]);
  await connection.command(["XDEL", letter.stream, letter.id]);
  return { kind: "retried", stream: way.stream };
}

type Way = { readonly stream: string; readonly fields: EntryFields } | { readonly why: string };

async function wayOf(journal: Journal, partitions: number, letter: DeadLetter): Promise<Way> {
  const { payload, source, reason } = letter;
  if (payload.length === 0) return { why: "it holds nothing that could be sent again" };
  if (letter.stream === FRONT_DOOR_LETTERS) {
    if (payload.length >= CUT_BYTES) return { why: "its payload was cut: the producer has to send it again" };
    return { stream: source, fields: ["d", payload] };
  }
  if (reason === "undelivered") return await wayOfMessage(journal, partitions, payload);
  if (source === "$decide") return wayOfQuestion(partitions, payload);
  if (source.startsWith("$")) return logOf(letter.partition as PartitionIndex, ["s", source, "d", payload]);
  const parsed = parsePayload(payload);
  const key = isRefused(parsed) ? undefined : readKey(parsed.value);
  // Where nobody can be read it goes back where it was; the others to where they belong.
  const partition = key === undefined ? (letter.partition as PartitionIndex) : partitionOf(key, partitions);
  return logOf(partition, ["s", source, "d", payload]);
}

/** What was not delivered gave its place under the caps back: it is not sent again but asked for again. */
async function wayOfMessage(journal: Journal, partitions: number, payload: Buffer): Promise<Way> {
  const { props } = JSON.parse(payload.toString("utf8")) as { readonly props: { readonly trackingCode: string } };
  const decision = parseTrackingCode(props.trackingCode)?.decision;
  const home = decision === undefined ? undefined : partitionOfDecision(decision, partitions);
  const found = home === undefined || decision === undefined ? undefined : await findDecision(journal, home, decision);
  if (found === undefined) return { why: "its decision is not in the journal any more" };
  const { key, trigger, input } = found.record;
  if (trigger === undefined) return { why: "nothing had triggered its decision: it was asked for" };
  return logOf(partitionOf(key, partitions), encodeAgain(key, trigger.id, props.trackingCode, input.request.context));
}

function wayOfQuestion(partitions: number, payload: Buffer): Way {
  const { customer, trigger, context } = JSON.parse(payload.toString("utf8")) as {
    readonly customer: CustomerKey;
    readonly trigger?: { readonly id: string; readonly source: string; readonly event: string };
    readonly context: Props;
  };
  if (trigger === undefined)
    return { why: "somebody had asked and got the fallback: there is nobody to answer any more" };
  const wish = createHash("sha256")
    .update(JSON.stringify([trigger.id, trigger.source, trigger.event]))
    .digest("hex");
  return logOf(partitionOf(customer, partitions), encodeAgain(customer, trigger.id, wish, context));
}

function logOf(partition: PartitionIndex, fields: EntryFields): Way {
  return { stream: `nba:{${partition}}:events`, fields };
}
