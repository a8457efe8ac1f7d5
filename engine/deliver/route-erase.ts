// DELETE /v1/customers/{id}: erases the person everywhere.
import Type from "typebox";
import type { CustomerKey } from "../domain/ids.ts";
import type { Engine } from "../engine.ts";
import { CUSTOMER_LENGTH_MAX } from "../ingest/bounds.ts";
import { jsonAnswer, textAnswer } from "./answer.ts";
import { problemAnswer } from "./problem.ts";
import type { Route } from "./route.ts";

const ErasureBody = Type.Object({ erasure: Type.Enum(["under-way"]) });

/** Asked again it tells how far it is: 202 while it is under way, 204 when nothing is left. */
export function eraseRoute(engine: Engine): Route {
  return {
    method: "DELETE",
    path: "/v1/customers/{id}",
    operation: "eraseCustomer",
    access: ["admin"],
    summary: "Erase a customer, or anon:ID, and joined devices everywhere; later events of the same id start anew",
    bodyMax: 0,
    consumes: [],
    answers: {
      202: { description: "under way", schema: ErasureBody },
      204: { description: "done: nothing is left, and nothing new has come in" },
    },
    problems: ["invalid-parameter", "overloaded", "unavailable"],
    answer: async ({ parameter }) => {
      if (parameter === "" || parameter.length > CUSTOMER_LENGTH_MAX)
        return problemAnswer("invalid-parameter", `the id must have 1 to ${CUSTOMER_LENGTH_MAX} characters`);
      const state = await engine.erase(parameter as CustomerKey);
      if (state === "erased") return { ...textAnswer(204, "text/plain", ""), headers: {} };
      return jsonAnswer(202, { erasure: state });
    },
  };
}
