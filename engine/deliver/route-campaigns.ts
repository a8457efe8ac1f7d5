// GET /v1/campaigns: how far each campaign has come.
import Type from "typebox";
import type { Engine } from "../engine.ts";
import { jsonAnswer } from "./answer.ts";
import type { Route } from "./route.ts";

const CampaignBody = Type.Object({
  id: Type.String(),
  placement: Type.String(),
  from: Type.Integer({ description: "ms since 1970" }),
  to: Type.Integer({ description: "ms since 1970" }),
  perSecond: Type.Number({ description: "customers whose turn comes in a second" }),
  state: Type.Enum(["waiting", "running", "done", "over"]),
  customers: Type.Integer({ description: "known when it began" }),
  walked: Type.Integer({ description: "whose turn has come" }),
  asked: Type.Integer({ description: "decided for" }),
  acted: Type.Integer({ description: "offered something" }),
});

export const CampaignsBody = Type.Object({ campaigns: Type.Array(CampaignBody) });
export type CampaignsBody = Type.Static<typeof CampaignsBody>;

export function campaignsRoute(engine: Engine): Route {
  return {
    method: "GET",
    path: "/v1/campaigns",
    operation: "campaigns",
    access: ["admin"],
    summary: "How far the campaigns of the active rulebook have come",
    bodyMax: 0,
    consumes: [],
    answers: { 200: { description: "in the order of the rulebook", schema: CampaignsBody } },
    problems: ["unavailable"],
    answer: async () => {
      const body: CampaignsBody = { campaigns: (await engine.campaigns()).map((campaign) => ({ ...campaign })) };
      return jsonAnswer(200, body);
    },
  };
}
