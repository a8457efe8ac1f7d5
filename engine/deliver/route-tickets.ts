// POST /v1/tickets: a single-use ticket for wss://HOST/v1/live?ticket=...
import Type from "typebox";
import { InstantSchema } from "../ingest/schemas.ts";
import { jsonAnswer } from "./answer.ts";
import type { Tickets } from "./auth/tickets.ts";
import { TICKET_MS } from "./auth/tickets.ts";
import type { Route } from "./route.ts";

const TicketBody = Type.Object({
  ticket: Type.String({ description: "for the query of the WebSocket's URL: /v1/live?ticket=..." }),
  expiresAt: InstantSchema,
});

export function ticketsRoute(tickets: Tickets): Route {
  return {
    method: "POST",
    path: "/v1/tickets",
    operation: "tickets",
    summary: `A ticket that opens one WebSocket in place of the caller's token, within ${TICKET_MS / 1_000} s`,
    access: ["agent"],
    bodyMax: 1_024,
    consumes: [],
    answers: { 200: { description: "good for one socket", schema: TicketBody } },
    problems: ["unavailable"],
    // The kept answer would be a second use.
    leavesNoTrace: true,
    answer: async ({ caller }) => jsonAnswer(200, await tickets.issue(caller)),
  };
}
