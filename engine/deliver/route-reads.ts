// GET /v1/customers/{id}, the rulebook, and what operators ask: metrics, health, readiness.
import Type from "typebox";
import type { CustomerKey } from "../domain/ids.ts";
import type { Engine } from "../engine.ts";
import { CUSTOMER_LENGTH_MAX } from "../ingest/bounds.ts";
import type { Fault } from "../rulebook/rulebook.ts";
import type { Answer } from "./answer.ts";
import { jsonAnswer, textAnswer } from "./answer.ts";
import { reaches } from "./auth/caller.ts";
import { notYours } from "./auth/guard.ts";
import type { Exposition } from "./ports.ts";
import { presentCustomer, presentRulebook } from "./present.ts";
import { problemAnswer, retryLater } from "./problem.ts";
import type { Route } from "./route.ts";
import { CustomerBody, ReloadedBody, RulebookBody } from "./wire.ts";

const HealthBody = Type.Object({ status: Type.Enum(["ok", "unavailable"]), why: Type.Optional(Type.String()) });

export function customerRoute(engine: Engine): Route {
  return {
    method: "GET",
    path: "/v1/customers/{id}",
    operation: "customer",
    access: ["agent"],
    summary: "The profile of a customer, or of anon:ID",
    bodyMax: 0,
    consumes: [],
    answers: { 200: { description: "as of the last commit", schema: CustomerBody } },
    problems: ["invalid-parameter", "not-found", "overloaded", "unavailable"],
    answer: async ({ parameter, caller }) => {
      if (parameter.length > CUSTOMER_LENGTH_MAX)
        return problemAnswer("invalid-parameter", `the id is longer than ${CUSTOMER_LENGTH_MAX} characters`);
      if (!reaches(caller, ["agent"], parameter as CustomerKey)) return notYours("the customer");
      const look = await engine.look(parameter as CustomerKey);
      if (look === undefined) return problemAnswer("not-found", "nothing is known of this customer");
      // What a joined key is known by is its customer's, the name first of all.
      if (look.joinedTo !== undefined && !reaches(caller, ["agent"], look.joinedTo)) return notYours("the customer");
      return jsonAnswer(200, presentCustomer(look, engine.rulebook()));
    },
  };
}

export function rulebookRoutes(engine: Engine): readonly Route[] {
  let refused: readonly Fault[] = [];
  return [
    {
      method: "GET",
      path: "/v1/rulebook",
      operation: "rulebook",
      access: ["decide", "agent"],
      summary: "The active rulebook",
      bodyMax: 0,
      consumes: [],
      answers: { 200: { description: "version, hash, placements, counts, faults", schema: RulebookBody } },
      problems: [],
      answer: () => jsonAnswer(200, presentRulebook(engine.rulebook(), engine.loadedAt(), refused)),
    },
    {
      method: "POST",
      path: "/v1/rulebook:reload",
      operation: "reloadRulebook",
      access: ["admin"],
      summary: "Read RULES_DIR again and activate it, all or nothing",
      bodyMax: 1_024,
      consumes: [],
      answers: { 200: { description: "activated on every partition", schema: ReloadedBody } },
      problems: ["faulty-rulebook", "unavailable"],
      answer: async () => {
        const reloaded = await engine.reload("http");
        refused = reloaded.kind === "faulty" ? reloaded.faults : [];
        if (reloaded.kind === "activated") return jsonAnswer(200, { hash: reloaded.hash });
        const errors = refused.map((fault) => ({
          pointer: "",
          detail: `${fault.file}:${fault.line}:${fault.column}: ${fault.message}`,
        }));
        return problemAnswer("faulty-rulebook", `${refused.length} faults; the active rulebook stays`, errors);
      },
    },
  ];
}

export function operationRoutes(engine: Engine, exposition: Exposition): readonly Route[] {
  const silent = { bodyMax: 0, consumes: [] };
  return [
    {
      ...silent,
      method: "GET",
      path: "/metrics",
      operation: "metrics",
      access: ["metrics"],
      summary: "Prometheus text; OpenMetrics where Accept asks for it",
      answers: { 200: { description: "every metric", mediaType: "text/plain", schema: Type.String() } },
      problems: [],
      answer: async ({ accept }) => {
        const { contentType, text } = await exposition.scrape(accept);
        return textAnswer(200, contentType, text);
      },
    },
    {
      ...silent,
      method: "GET",
      path: "/healthz",
      operation: "health",
      access: "open",
      summary: "Is the process alive",
      answers: { 200: { description: "alive", schema: HealthBody } },
      problems: [],
      answer: () => jsonAnswer(200, { status: "ok" }),
    },
    {
      ...silent,
      method: "GET",
      path: "/readyz",
      operation: "ready",
      access: "open",
      summary: "Does it own its share of the partitions; `why` tells how many",
      answers: { 200: { description: "ready", schema: HealthBody } },
      problems: ["unavailable"],
      answer: () => readiness(engine),
    },
  ];
}

function readiness(engine: Engine): Answer {
  const { ok, why } = engine.ready();
  return ok ? jsonAnswer(200, { status: "ok", why }) : retryLater("unavailable", why, 1_000);
}
