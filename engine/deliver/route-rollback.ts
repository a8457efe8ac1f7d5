// POST /v1/rulebook:rollback: back to the rulebook before, or to any other that Redis holds.
import Type from "typebox";
import type { RulebookHash } from "../domain/ids.ts";
import type { Engine } from "../engine.ts";
import type { Answer } from "./answer.ts";
import { jsonAnswer } from "./answer.ts";
import { problemAnswer } from "./problem.ts";
import type { Incoming, Route } from "./route.ts";
import { ReloadedBody } from "./wire.ts";

const HASH = /^[0-9a-f]{64}$/;

export function rollbackRoute(engine: Engine): Route {
  return {
    method: "POST",
    path: "/v1/rulebook:rollback",
    operation: "rollbackRulebook",
    access: ["admin"],
    summary: "Activate the rulebook that was active before, or another that Redis holds; RULES_DIR stays as it is",
    bodyMax: 1_024,
    consumes: [],
    query: {
      hash: {
        schema: Type.String({ pattern: HASH.source }),
        description: "of the rulebook to activate; without it, the one before the present one",
      },
    },
    answers: { 200: { description: "activated on every partition", schema: ReloadedBody } },
    problems: ["invalid-parameter", "not-found", "unavailable"],
    answer: (incoming) => rollback(engine, incoming),
  };
}

async function rollback(engine: Engine, { query }: Incoming): Promise<Answer> {
  const hash = query.get("hash") ?? undefined;
  if (hash !== undefined && !HASH.test(hash)) {
    return problemAnswer("invalid-parameter", "hash must be the 64 hexadecimal digits of a rulebook");
  }
  const done = await engine.rollback("http", hash as RulebookHash | undefined);
  return done.kind === "activated" ? jsonAnswer(200, { hash: done.hash }) : problemAnswer("not-found", done.why);
}
