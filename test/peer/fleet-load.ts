// Asks, events and outcomes at whatever engine is ready, with books of what was sent and of every answer that was no good.
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { request } from "undici";

export interface FleetBooks {
  /** Purchases by customer that a stream or an engine has acknowledged. */
  readonly purchases: Map<string, number>;
  /** Ids of acknowledged events that trigger a decision. */
  readonly triggers: Set<string>;
  /** Idempotency-Key -> decision ids that were answered for it. */
  readonly asks: Map<string, Set<string>>;
  /** Answers of engines, by status. */
  readonly statuses: Map<number, number>;
  /** What no client should see: the test says when. */
  readonly errors: string[];
  /** Asks that were answered again by another engine, or later, with the same decision. */
  sameAgain: number;
  outcomes: number;
}

export interface FleetLoad {
  readonly books: FleetBooks;
  readonly stop: () => Promise<void>;
}

export interface FleetLoadOptions {
  readonly redisUrl: string;
  readonly pick: () => string | undefined;
  readonly customers: readonly string[];
  readonly random: () => number;
}

export function startFleetLoad({ redisUrl, pick, customers, random }: FleetLoadOptions): FleetLoad {
  const books: FleetBooks = {
    purchases: new Map(),
    triggers: new Set(),
    asks: new Map(),
    statuses: new Map(),
    errors: [],
    sameAgain: 0,
    outcomes: 0,
  };
  const redis = new Redis(redisUrl, { autoResendUnfulfilledCommands: false });
  let isStopped = false;
  const anyone = (): string => customers[Math.floor(random() * customers.length)] as string;
  const running = [produce(), hand(), ...Array.from({ length: 3 }, (_, lane) => askOnAndOn(lane))];

  function bought(customer: string, id: string, amount: number): void {
    books.purchases.set(customer, (books.purchases.get(customer) ?? 0) + 1);
    if (amount >= 100) books.triggers.add(id);
  }

  function purchase(id: string): { readonly customer: string; readonly amount: number; readonly body: object } {
    const customer = anyone();
    const amount = random() < 0.1 ? 150 : 1 + Math.floor(random() * 50);
    return { customer, amount, body: { id, type: "purchase", customer, ts: Date.now(), props: { amount } } };
  }

  async function produce(): Promise<void> {
    for (let n = 0; !isStopped; n++) {
      const { customer, amount, body } = purchase(`s-${n}`);
      await redis.xadd("transactions", "*", "d", JSON.stringify(body));
      bought(customer, `s-${n}`, amount);
      await sleep(5);
    }
  }

  /** Over HTTP, again and again until it is taken: the same id is the same event. */
  async function hand(): Promise<void> {
    for (let n = 0; !isStopped; n++) {
      const { customer, amount, body } = purchase(`h-${n}`);
      const call = { id: `c-${n}`, type: "call_started", customer: anyone(), ts: Date.now(), props: {} };
      while ((await post("/v1/events", [body, call])) === undefined) await sleep(20);
      bought(customer, `h-${n}`, amount);
      books.triggers.add(`c-${n}`);
      await sleep(20);
    }
  }

  async function askOnAndOn(lane: number): Promise<void> {
    for (let n = 0; !isStopped; n++) {
      await askUntilDecided(`ask-${lane}-${n}`, anyone());
      await sleep(10);
    }
  }

  async function askUntilDecided(key: string, customer: string): Promise<void> {
    const body = { customer, channel: "app", placements: [{ name: "app-home" }], deadlineMs: 1_000 };
    const answered = new Set<string>();
    books.asks.set(key, answered);
    for (let attempt = 0; !isStopped && attempt < 500; attempt++) {
      const answer = (await post("/v1/decisions", body, key)) as Decided | undefined;
      if (answer === undefined) {
        await sleep(20);
        continue;
      }
      if (answer.decisionId === undefined) return; // the placement's default, which is an answer
      if (answered.has(answer.decisionId)) books.sameAgain++;
      answered.add(answer.decisionId);
      const code = answer.slates[0]?.items[0]?.trackingCode;
      if (code !== undefined && random() < 0.4) await report(code);
      if (random() < 0.7) return; // else the same again, of any engine
    }
  }

  async function report(trackingCode: string): Promise<void> {
    const outcome = random() < 0.5 ? "presented" : "declined";
    if ((await post("/v1/outcomes", { trackingCode, outcome })) !== undefined) books.outcomes++;
  }

  /** Undefined where it is to be asked again. */
  async function post(path: string, body: object, key?: string): Promise<unknown> {
    const url = pick();
    if (url === undefined) return undefined;
    const headers = { "content-type": "application/json", ...(key === undefined ? {} : { "idempotency-key": key }) };
    try {
      const response = await request(url + path, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(10_000),
      });
      const { statusCode: status } = response;
      const text = await response.body.text();
      books.statuses.set(status, (books.statuses.get(status) ?? 0) + 1);
      if (status === 200 || status === 202) return JSON.parse(text);
      // 409: the same key is being worked on elsewhere.
      const isFair = (status === 503 || status === 409) && response.headers["retry-after"] !== undefined;
      if (!isFair) books.errors.push(`${path}: ${status} ${text}`);
      return undefined;
    } catch (error) {
      // A port that is closed or a connection that is cut: the test says when that may be.
      const { code, message } = error as { code?: string; message: string };
      books.errors.push(`${path}: ${code} ${message}`);
      return undefined;
    }
  }

  return {
    books,
    stop: async () => {
      isStopped = true;
      await Promise.all(running);
      redis.disconnect();
    },
  };
}

interface Decided {
  readonly decisionId?: string;
  readonly slates: readonly { readonly items: readonly { readonly trackingCode: string }[] }[];
}
