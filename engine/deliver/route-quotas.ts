// GET /v1/quotas: how much of each quota is used.
import Type from "typebox";
import type { Engine } from "../engine.ts";
import { jsonAnswer } from "./answer.ts";
import type { Route } from "./route.ts";

const QuotaBody = Type.Object({
  id: Type.String(),
  unit: Type.Enum(["contacts", "cost"]),
  per: Type.Enum(["day", "total"]),
  period: Type.String({ description: "the local day as YYYY-MM-DD, or total" }),
  max: Type.Number(),
  open: Type.Number({ description: "units that may be granted by now: max, or less of it with even pacing" }),
  granted: Type.Number({ description: "units that partitions may spend or have spent" }),
  spent: Type.Number(),
  left: Type.Number({ description: "max less spent" }),
});
const QuotasBody = Type.Object({ quotas: Type.Array(QuotaBody) });

export function quotasRoute(engine: Engine): Route {
  return {
    method: "GET",
    path: "/v1/quotas",
    operation: "quotas",
    access: ["admin"],
    summary: "The quotas of the active rulebook: what is granted, spent and left, over all partitions",
    bodyMax: 0,
    consumes: [],
    answers: { 200: { description: "in the order of quotas.yaml", schema: QuotasBody } },
    problems: ["unavailable"],
    answer: async () => {
      const quotas = await engine.quotas();
      return jsonAnswer(200, { quotas: quotas.map((use) => ({ ...use, left: Math.max(0, use.max - use.spent) })) });
    },
  };
}
