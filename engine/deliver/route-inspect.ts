// What operators look into: POST /v1/decisions:simulate, and what journal and log still say of a customer.
import Type from "typebox";
import type { CustomerKey } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Engine, Simulation } from "../engine.ts";
import { CUSTOMER_LENGTH_MAX } from "../ingest/bounds.ts";
import type { Answer } from "./answer.ts";
import { jsonAnswer } from "./answer.ts";
import { reaches } from "./auth/caller.ts";
import { notYours } from "./auth/guard.ts";
import { createCheck } from "./check-body.ts";
import { parseJson } from "./parse-json.ts";
import { presentDecisions, presentEvents, presentSimulation } from "./present-inspect.ts";
import type { ProblemError } from "./problem.ts";
import { problemAnswer, quoted } from "./problem.ts";
import type { Incoming, Route } from "./route.ts";
import { DECISION_BODY_MAX, JSON_BODY } from "./route.ts";
import { beyondTheSchema, keyOf } from "./route-decisions.ts";
import { CustomerDecisionsBody, CustomerEventsBody, SimulationBody, SimulationRequestBody } from "./wire-inspect.ts";

const check = createCheck(SimulationRequestBody);
const DECISIONS_MAX = 200;
const EVENTS_MAX = 200;
const LIMIT_DEFAULT = 50;

export function inspectRoutes(engine: Engine): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/v1/decisions:simulate",
      operation: "simulate",
      access: ["admin"],
      summary: "What would be decided, now or later, were this and that so: explained, and without a trace",
      bodyMax: DECISION_BODY_MAX,
      consumes: JSON_BODY,
      request: SimulationRequestBody,
      answers: { 200: { description: "the answer as a decision, and its explanation", schema: SimulationBody } },
      problems: ["malformed-json", "invalid-body", "too-large", "unsupported-media-type", "overloaded", "unavailable"],
      leavesNoTrace: true,
      answer: (incoming) => simulate(engine, incoming),
    },
    {
      ...listed("decisions", DECISIONS_MAX),
      operation: "customerDecisions",
      access: ["agent"],
      summary: "The last decisions for a customer, newest first, with what was withheld",
      answers: { 200: { description: "what the journal still holds, within bounds", schema: CustomerDecisionsBody } },
      answer: (incoming) =>
        list(incoming, DECISIONS_MAX, async (key, limit) => presentDecisions(await engine.decisionsOf(key, limit))),
    },
    {
      ...listed("events", EVENTS_MAX),
      operation: "customerEvents",
      access: ["agent"],
      summary: "The last events of a customer, newest first",
      answers: { 200: { description: "what the input log still holds, within bounds", schema: CustomerEventsBody } },
      answer: (incoming) =>
        list(incoming, EVENTS_MAX, async (key, limit) => presentEvents(await engine.eventsOf(key, limit))),
    },
  ];
}

async function simulate(engine: Engine, incoming: Incoming): Promise<Answer> {
  const parsed = parseJson(incoming.body);
  if (parsed.kind === "malformed") return problemAnswer("malformed-json", parsed.why);
  const checked = check(parsed.value);
  if (checked.kind === "invalid") return invalid(checked.errors);
  const body = checked.value;
  const errors = [...beyondTheSchema(body), ...channelMissing(body)];
  if (errors.length > 0) return invalid(errors);
  const simulated = await engine.simulate(simulationOf(body));
  if (simulated.kind === "refused") return invalid([{ pointer: simulated.pointer, detail: simulated.why }]);
  return jsonAnswer(200, presentSimulation(simulated, engine.rulebook()));
}

function channelMissing({ direction, channel }: SimulationRequestBody): readonly ProblemError[] {
  const isMissing = channel === undefined && direction !== "outbound";
  return isMissing ? [{ pointer: "/channel", detail: "is missing: only outbound it may be left open" }] : [];
}

function simulationOf(body: SimulationRequestBody): Simulation {
  const { now, attributes, features, models, consents, openCases, contacts } = body.overrides ?? {};
  return {
    key: keyOf(body),
    direction: body.direction ?? "inbound",
    ...(body.channel === undefined ? {} : { channel: body.channel }),
    placements: body.placements,
    context: body.context ?? {},
    ...(body.locale === undefined ? {} : { locale: body.locale }),
    suppose: {
      ...(now === undefined ? {} : { now: now as Instant }),
      attributes: attributes ?? {},
      features: features ?? {},
      models: models ?? {},
      consents: consents ?? [],
      ...(openCases === undefined ? {} : { openCases }),
      contacts: contacts ?? "keep",
    },
  };
}

function invalid(errors: readonly ProblemError[]): Answer {
  return problemAnswer("invalid-body", "the body is not a request to simulate; see errors", errors);
}

function listed(what: string, max: number) {
  return {
    method: "GET",
    path: `/v1/customers/{id}/${what}`,
    bodyMax: 0,
    consumes: [],
    query: {
      limit: {
        schema: Type.Integer({ minimum: 1, maximum: max }),
        description: `${LIMIT_DEFAULT} where not given`,
      },
    },
    problems: ["invalid-parameter", "overloaded", "unavailable"],
  } as const satisfies Partial<Route>;
}

async function list(
  { parameter, query, caller }: Incoming,
  max: number,
  read: (key: CustomerKey, limit: number) => Promise<unknown>,
): Promise<Answer> {
  if (parameter.length > CUSTOMER_LENGTH_MAX)
    return problemAnswer("invalid-parameter", `the id is longer than ${CUSTOMER_LENGTH_MAX} characters`);
  if (!reaches(caller, ["agent"], parameter as CustomerKey)) return notYours("the customer");
  const wanted = query.get("limit") ?? String(LIMIT_DEFAULT);
  const limit = /^\d{1,6}$/.test(wanted) ? Number(wanted) : 0;
  if (limit < 1 || limit > max)
    return problemAnswer("invalid-parameter", `limit is ${quoted(wanted)}: must be a whole number from 1 to ${max}`);
  return jsonAnswer(200, await read(parameter as CustomerKey, limit));
}
