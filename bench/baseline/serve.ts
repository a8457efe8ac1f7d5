// HTTP and WebSocket of the baseline: an offer to whoever asks, journalled before the answer, and every decision to the
// sockets of its customer.
import type { Server } from "node:http";
import fastify from "fastify";
import { type WebSocket, WebSocketServer } from "ws";
import { type Consumer, DECISIONS_STREAM, decisionJson, factsOf } from "./consume.ts";
import { readCustomers } from "./customer.ts";
import type { Propensities } from "./offer-rules.ts";

export interface Served {
  readonly url: string;
  readonly tell: (customer: string, decision: string) => void;
}

interface Ask {
  readonly customer: string;
}

export async function serve(consumer: Consumer): Promise<Served> {
  const app = fastify();
  app.get("/stats", () => consumer.counts);
  app.post("/v1/decisions", async (request, reply) => {
    const json = await decideFor(consumer, (request.body as Ask).customer);
    return reply.type("application/json").send(json);
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  return { url, tell: socketsOf(app.server) };
}

/** No contact is made: an answer is counted when it was seen. */
async function decideFor({ redis, windows, names, score, rules }: Consumer, id: string): Promise<string> {
  const now = Date.now();
  const customer = (await readCustomers(redis, new Map([[id, "all"]]))).get(id);
  if (customer === undefined) throw new Error(`customer ${id} was not read`);
  const row = windows.read(customer.tracks, now);
  const [scores] = await score([row]);
  const choices = await rules.choose(customer.attributes, factsOf(row, names), scores as Propensities, "inbound", 2);
  const json = decisionJson(id, choices, now);
  await redis.xadd(DECISIONS_STREAM, "*", "d", json);
  return json;
}

function socketsOf(server: Server): Served["tell"] {
  const sockets = new Map<string, Set<WebSocket>>();
  new WebSocketServer({ server }).on("connection", (socket, request) => {
    const customer = new URL(request.url ?? "", "ws://localhost").searchParams.get("customer") ?? "";
    const known = sockets.get(customer) ?? new Set();
    sockets.set(customer, known.add(socket));
    socket.on("close", () => known.delete(socket));
  });
  return (customer, decision) => {
    for (const socket of sockets.get(customer) ?? []) socket.send(decision);
  };
}
