// A gateway as a bank has one: an HTTP receiver that checks signatures with the library of Standard Webhooks, and fails as told.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

export interface GatewayMessage {
  readonly id: string;
  readonly customer: string;
  readonly trackingCode: string;
  /** In the request at the same time as this one, of the same customer. */
  readonly besides: number;
}

export interface GatewayAnswer {
  readonly status: number;
  readonly words?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Gateway {
  readonly url: string;
  /** Those it has seen, in order of arrival, whatever it answered. */
  readonly seen: GatewayMessage[];
  readonly badSignatures: () => number;
  /** What it answers: a status, with words, headers and a body where need be; `hang` never answers. */
  answer: (message: GatewayMessage) => GatewayAnswer | "hang";
  /** How long it takes. */
  delayMs: number;
  /** The most requests it has had at once. */
  readonly busiest: () => number;
  readonly close: () => Promise<void>;
}

export async function startGateway(secret: string): Promise<Gateway> {
  const verifier = new Webhook(secret);
  const open = new Map<string, number>();
  const count = { bad: 0, busiest: 0, now: 0 };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString("utf8");
    count.busiest = Math.max(count.busiest, ++count.now);
    response.on("close", () => count.now--);
    let customer = "";
    try {
      const { data } = verifier.verify(body, request.headers as Record<string, string>) as {
        data: { customer: string; trackingCode: string };
      };
      customer = data.customer;
      const besides = open.get(customer) ?? 0;
      open.set(customer, besides + 1);
      response.on("close", () => open.set(customer, (open.get(customer) as number) - 1));
      const message = { id: String(request.headers["webhook-id"]), ...data, besides };
      gateway.seen.push(message);
      if (gateway.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, gateway.delayMs));
      const answer = gateway.answer(message);
      if (answer === "hang") return;
      response.statusMessage = answer.words ?? "";
      response.writeHead(answer.status, answer.headers).end(answer.body ?? "{}");
    } catch {
      count.bad++;
      response.writeHead(401).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const gateway: Gateway = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/push`,
    seen: [],
    badSignatures: () => count.bad,
    answer: () => ({ status: 200 }),
    delayMs: 0,
    busiest: () => count.busiest,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return gateway;
}
