// POST /v1/decisions and GET /v1/decisions/{id}.
import Type from "typebox";
import type { CustomerKey, DecisionId } from "../domain/ids.ts";
import { anonymousKey, customerKey } from "../domain/ids.ts";
import type { Ask, Engine } from "../engine.ts";
import type { Answer } from "./answer.ts";
import { jsonAnswer } from "./answer.ts";
import { askWithinReach, type WithinReach } from "./auth/ask-within-reach.ts";
import { notYours } from "./auth/guard.ts";
import { reachesWhose } from "./auth/reaches-whose.ts";
import type { Access } from "./auth/scopes.ts";
import { createCheck } from "./check-body.ts";
import { callersKey, hashBody } from "./idempotency.ts";
import { parseJson } from "./parse-json.ts";
import { presentAnswer, presentFallback } from "./present.ts";
import { presentRecord } from "./present-inspect.ts";
import type { ProblemError } from "./problem.ts";
import { problemAnswer, quoted, retryLater } from "./problem.ts";
import type { Deadline, Incoming, Route } from "./route.ts";
import { DECISION_BODY_MAX, JSON_BODY } from "./route.ts";
import { DEADLINE_DEFAULT_MS, DecisionBody, DecisionRequestBody } from "./wire.ts";
import { ExplainedBody } from "./wire-inspect.ts";

/** A screen asks for its own customers only. */
const ACCESS: Access = ["decide", "agent"];
const check = createCheck(DecisionRequestBody);
const DECISION_ID = /^[A-Za-z0-9_-]{22}$/;

export function decisionRoutes(engine: Engine): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/v1/decisions",
      operation: "decide",
      access: ACCESS,
      summary: "Ask for next best actions: all placements decided together, an action at most once",
      bodyMax: DECISION_BODY_MAX,
      consumes: JSON_BODY,
      request: DecisionRequestBody,
      answers: { 200: { description: "the decision, committed before it is answered", schema: DecisionBody } },
      problems: ["malformed-json", "invalid-body", "too-large", "unsupported-media-type", "overloaded", "unavailable"],
      deadline: (incoming) => deadlineOf(engine, incoming),
      answer: (incoming) => decide(engine, incoming),
    },
    {
      method: "GET",
      path: "/v1/decisions/{id}",
      operation: "decision",
      access: ACCESS,
      summary: "A decision of the past; with explain=true, every candidate with its stage, its rule and the values",
      bodyMax: 0,
      consumes: [],
      query: {
        explain: { schema: Type.Boolean(), description: "adds `explanation`: computed again from the journal" },
      },
      answers: {
        200: {
          description: "the decision as it was answered; explained, as it was journalled, with what was withheld",
          schema: Type.Union([DecisionBody, ExplainedBody]),
        },
      },
      problems: ["invalid-parameter", "not-found", "unavailable"],
      answer: (incoming) => lookUp(engine, incoming),
    },
  ];
}

const OVERLOADED = retryLater("overloaded", "more is asked for than can be decided in time; try again", 1_000);

async function decide(engine: Engine, incoming: Incoming): Promise<Answer> {
  // A repeat is answered by what its first request is, or was, answered.
  if (incoming.idempotencyKey === "" && engine.isOver()) return OVERLOADED;
  const parsed = parseJson(incoming.body);
  if (parsed.kind === "malformed") return problemAnswer("malformed-json", parsed.why);
  const checked = check(parsed.value);
  const errors = checked.kind === "invalid" ? checked.errors : beyondTheSchema(checked.value);
  if (checked.kind === "invalid" || errors.length > 0) return invalid(errors);
  const asked = askOf(checked.value, incoming);
  // What went by before, at the check of an Idempotency-Key, is part of the time that was given.
  const ask = { ...asked, deadlineMs: Math.max(1, incoming.receivedMs + asked.deadlineMs - performance.now()) };
  return answerOf(await askWithinReach(engine, incoming, ACCESS, ask), ask, engine);
}

/** Read for requests with an Idempotency-Key only, which are parsed twice for it. */
function deadlineOf(engine: Engine, incoming: Incoming): Deadline | undefined {
  const parsed = parseJson(incoming.body);
  const checked = parsed.kind === "malformed" ? undefined : check(parsed.value);
  if (checked === undefined || checked.kind === "invalid" || beyondTheSchema(checked.value).length > 0)
    return undefined;
  const ask = askOf(checked.value, incoming);
  const late: WithinReach = { kind: "fallback", why: "deadline" };
  return { atMs: incoming.receivedMs + ask.deadlineMs, late: () => answerOf(late, ask, engine) };
}

export function beyondTheSchema(
  body: Pick<DecisionRequestBody, "customer" | "anonymousId" | "placements">,
): readonly ProblemError[] {
  if (body.customer === undefined && body.anonymousId === undefined)
    return [{ pointer: "/customer", detail: "is missing: customer or anonymousId is required" }];
  const names = body.placements.map((placement) => placement.name);
  return names.flatMap((name, index) =>
    names.indexOf(name) === index ? [] : [{ pointer: `/placements/${index}/name`, detail: "is asked for twice" }],
  );
}

function askOf(body: DecisionRequestBody, incoming: Incoming): Ask {
  const repeatable =
    incoming.idempotencyKey === ""
      ? {}
      : { idempotencyKey: callersKey(incoming), requestHash: hashBody(incoming.body) };
  return {
    key: keyOf(body),
    channel: body.channel,
    placements: body.placements,
    context: body.context ?? {},
    ...(body.locale === undefined ? {} : { locale: body.locale }),
    deadlineMs: body.deadlineMs ?? DEADLINE_DEFAULT_MS,
    ...repeatable,
  };
}

/** The customer's where both ids are given. */
export function keyOf(body: Pick<DecisionRequestBody, "customer" | "anonymousId">): CustomerKey {
  return body.customer === undefined ? anonymousKey(body.anonymousId as string) : customerKey(body.customer);
}

function answerOf(answer: WithinReach, ask: Ask, engine: Engine): Answer {
  switch (answer.kind) {
    case "not-yours":
      return notYours("the customer");
    case "decided":
      return jsonAnswer(200, presentAnswer(answer.record, engine.rulebook()));
    case "fallback":
      return jsonAnswer(200, presentFallback(engine.rulebook(), ask.key, ask.placements, answer.why));
    case "overloaded":
      return OVERLOADED;
    case "unavailable":
      return retryLater("unavailable", answer.why, answer.retryAfterMs);
    case "conflict":
      return problemAnswer("idempotency-key-reused", answer.why);
    case "refused":
      return invalid([{ pointer: answer.pointer, detail: answer.why }]);
  }
}

function invalid(errors: readonly ProblemError[]): Answer {
  return problemAnswer("invalid-body", "the body is not a decision request; see errors", errors);
}

async function lookUp(engine: Engine, { parameter, query, caller }: Incoming): Promise<Answer> {
  const wanted = query.get("explain") ?? "false";
  if (wanted !== "true" && wanted !== "false")
    return problemAnswer("invalid-parameter", `explain is ${quoted(wanted)}: must be true or false`);
  if (!DECISION_ID.test(parameter))
    return problemAnswer("invalid-parameter", `${quoted(parameter)} is not a decision id: 22 characters of base64url`);
  const found = await engine.decision(parameter as DecisionId);
  if (found === undefined)
    return problemAnswer("not-found", `there is no decision ${quoted(parameter)} in the journal, or not any more`);
  if (!(await reachesWhose(engine, caller, ACCESS, found.record.key))) return notYours("the customer of this decision");
  if (wanted === "false") return jsonAnswer(200, presentAnswer(found.record, engine.rulebook()));
  return jsonAnswer(200, { ...presentRecord(found.record), explanation: await engine.explain(found.record) });
}
