// POST /v1/outcomes: what the customer did with an item of a decision.
import Type from "typebox";
import type { CustomerEvent } from "../domain/event.ts";
import type { TrackingCode } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Engine } from "../engine.ts";
import type { Answer } from "./answer.ts";
import { jsonAnswer } from "./answer.ts";
import { digest, outcomeEvent, timeFault } from "./append-events.ts";
import { notYours } from "./auth/guard.ts";
import { reachesWhose } from "./auth/reaches-whose.ts";
import type { Access } from "./auth/scopes.ts";
import { createCheck } from "./check-body.ts";
import { callersKey } from "./idempotency.ts";
import { parseJson } from "./parse-json.ts";
import type { ProblemError } from "./problem.ts";
import { problemAnswer, retryLater } from "./problem.ts";
import type { Incoming, Route } from "./route.ts";
import { BATCH_BODY_MAX, JSON_BODY } from "./route.ts";
import { AcceptedBody, OUTCOMES_MAX, OutcomeBody } from "./wire.ts";

/** A screen reports on its own customers only. */
const ACCESS: Access = ["decide", "events", "agent"];
const check = createCheck(OutcomeBody);

export function outcomeRoute(engine: Engine): Route {
  return {
    method: "POST",
    path: "/v1/outcomes",
    operation: "outcomes",
    access: ACCESS,
    summary: "Report what became of items; repeated, it changes nothing; all or none are taken",
    bodyMax: BATCH_BODY_MAX,
    consumes: JSON_BODY,
    request: Type.Union([OutcomeBody, Type.Array(OutcomeBody, { minItems: 1, maxItems: OUTCOMES_MAX })]),
    answers: { 202: { description: "durable in the log", schema: AcceptedBody } },
    problems: ["malformed-json", "invalid-body", "too-large", "unsupported-media-type", "unavailable"],
    answer: (incoming) => report(engine, incoming),
  };
}

async function report(engine: Engine, incoming: Incoming): Promise<Answer> {
  const parsed = parseJson(incoming.body);
  if (parsed.kind === "malformed") return problemAnswer("malformed-json", parsed.why);
  const isArray = Array.isArray(parsed.value);
  const values: readonly unknown[] = Array.isArray(parsed.value) ? parsed.value : [parsed.value];
  if (values.length === 0 || values.length > OUTCOMES_MAX)
    return invalid([{ pointer: "", detail: `has ${values.length} outcomes: must be 1 to ${OUTCOMES_MAX}` }]);
  const bodies: OutcomeBody[] = [];
  const errors: ProblemError[] = [];
  values.forEach((value, index) => {
    const under = isArray ? `/${index}` : "";
    const checked = check(value, under);
    if (checked.kind === "invalid") errors.push(...checked.errors);
    else bodies.push(checked.value);
  });
  if (errors.length > 0) return invalid(errors);
  const events = await toEvents(engine, bodies, isArray, incoming);
  if (events.kind === "faulty") return invalid(events.errors);
  for (const { key } of events.events) {
    if (!(await reachesWhose(engine, incoming.caller, ACCESS, key))) return notYours("the customer of a tracking code");
  }
  return append(engine, events.events);
}

async function toEvents(
  engine: Engine,
  bodies: readonly OutcomeBody[],
  isArray: boolean,
  incoming: Incoming,
): Promise<
  | { readonly kind: "known"; readonly events: readonly CustomerEvent[] }
  | { readonly kind: "faulty"; readonly errors: readonly ProblemError[] }
> {
  const keys = await Promise.all(bodies.map((body) => engine.customerOf(body.trackingCode as TrackingCode)));
  const known = keys.filter((key) => key !== undefined);
  const times = await engine.now(known);
  const nowByKey = new Map(known.map((key, at) => [key, times[at] as Instant]));
  const events: CustomerEvent[] = [];
  const errors: ProblemError[] = [];
  bodies.forEach((body, index) => {
    const key = keys[index];
    const under = isArray ? `/${index}` : "";
    const now = key === undefined ? undefined : nowByKey.get(key);
    const late = now === undefined || body.ts === undefined ? undefined : timeFault(body.ts, now);
    if (key === undefined || now === undefined) {
      const detail = "is not the tracking code of a decision in the journal";
      errors.push({ pointer: `${under}/trackingCode`, detail });
    } else if (late !== undefined) errors.push({ pointer: `${under}/ts`, detail: late });
    else {
      const { traceparent, idempotencyKey } = incoming;
      const requestId = idempotencyKey === "" ? undefined : digest(`${callersKey(incoming)}\n${index}`);
      events.push(outcomeEvent(key, body, { source: "http", now, traceparent, requestId }));
    }
  });
  return errors.length > 0 ? { kind: "faulty", errors } : { kind: "known", events };
}

async function append(engine: Engine, events: readonly CustomerEvent[]): Promise<Answer> {
  const failed = (await engine.append(events)).find((each) => each.kind === "failed");
  if (failed !== undefined) return retryLater("unavailable", `not all were made durable: ${failed.why}`, 1_000);
  return jsonAnswer(202, { accepted: events.length });
}

function invalid(errors: readonly ProblemError[]): Answer {
  return problemAnswer("invalid-body", "nothing was taken; see errors", errors.slice(0, 20));
}
