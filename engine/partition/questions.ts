// Asks and triggers, as questions to `decide`.
import { hash } from "node:crypto";
import type { DecisionRequest, Direction } from "../domain/decision.ts";
import type { CustomerKey, DecisionId, PartitionIndex } from "../domain/ids.ts";
import type { Ask, AskAnswer } from "../engine.ts";
import type { WaitingAsk } from "./asks.ts";
import type { Partition, Triggered } from "./partition.ts";
import { drawSingly, RANDOM_BYTES, type RandomBits } from "./random-bits.ts";
import type { Question } from "./wave.ts";

/** 16 bytes: partition, then 14 of a sha256. Nothing in it tells a position, so deciding again after a crash names it the same. */
export function decisionId(partition: PartitionIndex, ...parts: readonly string[]): DecisionId {
  let named = "";
  for (const part of parts) named += `${part.length}:${part}`;
  return fromHash(partition, hash("sha256", named, "buffer"));
}

export function askId(partition: PartitionIndex, ask: Ask, random?: RandomBits): DecisionId {
  if (ask.idempotencyKey === undefined) return randomId(partition, random);
  return decisionId(partition, "ask", ask.key, ask.idempotencyKey);
}

export function randomId(partition: PartitionIndex, random: RandomBits = drawSingly): DecisionId {
  return fromHash(partition, random());
}

function fromHash(partition: PartitionIndex, digest: Buffer): DecisionId {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16BE(partition, 0);
  digest.copy(bytes, 2, 0, RANDOM_BYTES);
  return bytes.toString("base64url") as DecisionId;
}

/** The partition that a decision id names; undefined where the text is no decision id of this many partitions. */
export function partitionOfDecision(id: string, partitions: number): PartitionIndex | undefined {
  if (!/^[A-Za-z0-9_-]{22}$/.test(id)) return undefined;
  const index = Buffer.from(id, "base64url").readUInt16BE(0);
  return index < partitions ? (index as PartitionIndex) : undefined;
}

export function triggerQuestion(partition: Partition, triggered: Triggered): Question {
  const { id, key, source, event, at, channel, dropAfter, heldUntil } = triggered;
  const placement = partition.active.rulebook.placements[triggered.placement];
  if (placement === undefined) throw new Error(`trigger "${id}" asks for placement ${triggered.placement}`);
  const request: DecisionRequest = {
    direction: channel === undefined ? "outbound" : placement.direction,
    placements: [{ placement: placement.index, limit: placement.slots }],
    context: triggered.context,
    locale: localeOf(partition, key),
    trigger: id,
    ...(channel === undefined ? {} : { channel }),
  };
  const again = heldUntil !== undefined;
  return {
    partition,
    key,
    id: decisionId(partition.index, "trigger", id, key, source, event, ...(again ? ["held", String(heldUntil)] : [])),
    request,
    features: triggered.features,
    trigger: { id, source, event, ...(dropAfter === undefined ? {} : { hold: { at, dropAfter, again } }) },
    requestHash: undefined,
  };
}

/** The question, or what is wrong with the ask under the rulebook that is active now. */
export function askQuestion(
  partition: Partition,
  { ask, id }: Pick<WaitingAsk, "ask" | "id">,
): Question | Extract<AskAnswer, { kind: "refused" }> {
  const request = requestOf(partition, ask);
  if ("kind" in request) return request;
  return {
    partition,
    key: ask.key,
    id,
    request,
    features: undefined,
    trigger: undefined,
    requestHash: ask.requestHash,
  };
}

/** What an ask names, in the numbers of the rulebook. Only what is outbound may leave its channel open. */
export function requestOf(
  partition: Partition,
  ask: Pick<Ask, "key" | "placements" | "context" | "locale"> & { readonly channel?: string | undefined },
  direction: Direction = "inbound",
): DecisionRequest | Extract<AskAnswer, { kind: "refused" }> {
  const { rulebook } = partition.active;
  const channel = rulebook.channels.find(({ name }) => name === ask.channel);
  const isOpen = ask.channel === undefined && direction === "outbound";
  if (channel === undefined && !isOpen) {
    const known = rulebook.channels.map(({ name }) => name).join(", ");
    return {
      kind: "refused",
      pointer: "/channel",
      why: `there is no channel "${ask.channel ?? ""}"; there are: ${known}`,
    };
  }
  const placements: { placement: (typeof rulebook.placements)[number]["index"]; limit: number }[] = [];
  for (const [index, wanted] of ask.placements.entries()) {
    const pointer = `/placements/${index}/name`;
    const placement = rulebook.placements.find(({ name }) => name === wanted.name);
    if (placement === undefined) {
      const known = rulebook.placements.map(({ name }) => name).join(", ");
      return { kind: "refused", pointer, why: `there is no placement "${wanted.name}"; there are: ${known}` };
    }
    if (channel !== undefined && !placement.channels.includes(channel.index)) {
      return { kind: "refused", pointer, why: `placement "${wanted.name}" is not on channel "${ask.channel}"` };
    }
    if (placements.some((other) => other.placement === placement.index)) {
      return { kind: "refused", pointer, why: `placement "${wanted.name}" is asked for twice` };
    }
    placements.push({ placement: placement.index, limit: Math.min(wanted.limit ?? placement.slots, placement.slots) });
  }
  const locale = ask.locale ?? localeOf(partition, ask.key);
  const on = channel === undefined ? {} : { channel: channel.index };
  return { direction, ...on, placements, context: ask.context, locale };
}

/** The customer's own, where the attribute `locale` is declared and set, else the rulebook's. */
function localeOf(partition: Partition, key: CustomerKey): string {
  const { attributes, defaultLocale } = partition.active.rulebook;
  const spec = attributes.find(({ name }) => name === "locale");
  const value = spec === undefined ? undefined : partition.store.state(key).attributes[spec.index];
  return typeof value === "string" ? value : defaultLocale;
}
