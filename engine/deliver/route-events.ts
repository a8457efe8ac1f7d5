// POST /v1/events: one event, an array, or NDJSON. Each is taken or refused by itself; what is taken is durable when answered.
import Type from "typebox";
import type { CustomerEvent } from "../domain/event.ts";
import type { Engine } from "../engine.ts";
import { PAYLOAD_BYTES_MAX } from "../ingest/bounds.ts";
import { decodeEvent } from "../ingest/decode-event.ts";
import { isRefused } from "../ingest/refused.ts";
import { CloudEventSchema, EventSchema } from "../ingest/schemas.ts";
import { attributeFault } from "../profile/layout.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { Answer } from "./answer.ts";
import { jsonAnswer } from "./answer.ts";
import { timeFault } from "./append-events.ts";
import { parseJson } from "./parse-json.ts";
import type { Problem } from "./problem.ts";
import { problem, problemAnswer, retryLater } from "./problem.ts";
import type { Incoming, Route } from "./route.ts";
import { BATCH_BODY_MAX, mediaTypeOf } from "./route.ts";
import { EventsAcceptedBody } from "./wire.ts";

const NDJSON: ReadonlySet<string> = new Set(["application/x-ndjson", "application/ndjson", "application/jsonl"]);
const CONSUMES = [
  "application/json",
  "application/x-ndjson",
  "application/ndjson",
  "application/jsonl",
  "application/cloudevents+json",
  "application/cloudevents-batch+json",
];
export const EVENTS_MAX = 10_000;
const SOURCE = "http";
const NEWLINE = 0x0a;

type Judged =
  | { readonly kind: "taken"; readonly index: number; readonly event: CustomerEvent }
  | { readonly kind: "refused"; readonly index: number; readonly problem: Problem };

export function eventsRoute(engine: Engine): Route {
  const one = Type.Union([EventSchema, CloudEventSchema]);
  return {
    method: "POST",
    path: "/v1/events",
    operation: "events",
    access: ["events"],
    summary: "Hand in events: one, an array, or NDJSON; durable in the log when answered",
    bodyMax: BATCH_BODY_MAX,
    consumes: CONSUMES,
    request: Type.Union([one, Type.Array(one, { maxItems: EVENTS_MAX })]),
    answers: { 202: { description: "how many were taken, and why others were not", schema: EventsAcceptedBody } },
    problems: ["malformed-json", "invalid-body", "too-large", "unsupported-media-type", "unavailable"],
    answer: (incoming) => take(engine, incoming),
  };
}

async function take(engine: Engine, incoming: Incoming): Promise<Answer> {
  const read = NDJSON.has(mediaTypeOf(incoming.contentType)) ? judgeLines(incoming) : judgeJson(incoming);
  if ("status" in read) return read;
  const judged = judgeAttributes(read, engine.rulebook());
  const taken = judged.filter((each) => each.kind === "taken");
  const appended = taken.length === 0 ? [] : await engine.append(taken.map((each) => each.event));
  const failed = appended.find((each) => each.kind === "failed");
  // Event ids make sending everything again harmless, and simpler for a sender than picking the failed ones.
  if (failed !== undefined) return retryLater("unavailable", `send all of them again: ${failed.why}`, 1_000);
  const refused = judged.flatMap((each) =>
    each.kind === "refused" ? [{ index: each.index, problem: each.problem }] : [],
  );
  return jsonAnswer(202, { accepted: taken.length, refused });
}

function judgeJson(incoming: Incoming): readonly Judged[] | Answer {
  const parsed = parseJson(incoming.body);
  if (parsed.kind === "malformed") return problemAnswer("malformed-json", parsed.why);
  const values: readonly unknown[] = Array.isArray(parsed.value) ? parsed.value : [parsed.value];
  if (values.length > EVENTS_MAX) return tooMany(values.length);
  const mayBeTooLarge = incoming.body.length > PAYLOAD_BYTES_MAX;
  return values.map((value, index) => {
    const size = mayBeTooLarge ? Buffer.byteLength(JSON.stringify(value)) : 0;
    return judge(value, index, size, incoming);
  });
}

function judgeLines(incoming: Incoming): readonly Judged[] | Answer {
  const judged: Judged[] = [];
  const { body } = incoming;
  for (let start = 0; start < body.length; ) {
    const found = body.indexOf(NEWLINE, start);
    const end = found < 0 ? body.length : found;
    const line = body.subarray(start, end);
    start = end + 1;
    if (isBlank(line)) continue;
    if (judged.length === EVENTS_MAX) return tooMany(EVENTS_MAX + 1);
    const parsed = parseJson(line);
    const index = judged.length;
    if (parsed.kind === "parsed") judged.push(judge(parsed.value, index, line.length, incoming));
    else judged.push({ kind: "refused", index, problem: problem("malformed-json", parsed.why) });
  }
  return judged;
}

function judge(value: unknown, index: number, size: number, incoming: Incoming): Judged {
  if (size > PAYLOAD_BYTES_MAX) {
    const detail = `${size} bytes: an event has at most ${PAYLOAD_BYTES_MAX}`;
    return { kind: "refused", index, problem: problem("too-large", detail) };
  }
  const event = decodeEvent(value, SOURCE);
  if (isRefused(event)) return invalidEvent(index, event.pointer, event.detail);
  const late = timeFault(event.ts, Date.now());
  if (late !== undefined) return invalidEvent(index, "/ts", late);
  const { traceparent } = incoming;
  if (traceparent === undefined || event.traceparent !== undefined) return { kind: "taken", index, event };
  return { kind: "taken", index, event: { ...event, traceparent } };
}

/** The log would dead-letter what is not as the rulebook declares it: its sender is told while it listens. */
function judgeAttributes(judged: readonly Judged[], { attributes }: Pick<Rulebook, "attributes">): readonly Judged[] {
  const attributeByName = new Map(attributes.map((attribute) => [attribute.name, attribute]));
  return judged.map((each) => {
    if (each.kind === "refused" || each.event.type !== "profile_update") return each;
    const fault = attributeFault({ attributeByName }, each.event.props);
    return fault === undefined ? each : invalidEvent(each.index, "/props", fault);
  });
}

function invalidEvent(index: number, pointer: string, detail: string): Judged {
  return { kind: "refused", index, problem: problem("invalid-body", "not an event", [{ pointer, detail }]) };
}

function tooMany(count: number): Answer {
  const errors = [{ pointer: "", detail: `has ${count} or more events: at most ${EVENTS_MAX}` }];
  return problemAnswer("invalid-body", "nothing was taken; send it in parts", errors);
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
