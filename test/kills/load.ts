// Load with a memory of its own: what it sent and what it was told is the other half of the books.
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

export interface Books {
  /** Acknowledged purchases by customer: count and sum of amounts. */
  readonly purchases: Map<string, { count: number; spend: number }>;
  /** Ids of acknowledged events that trigger. */
  readonly triggers: Set<string>;
  /** Idempotency-Key -> the decision ids that were answered for it. */
  readonly asks: Map<string, Set<string>>;
  /** Events sent again on purpose. */
  repeated: number;
  /** Answers that were the fallback: no decision, no contact. */
  fallbacks: number;
  outcomes: number;
  /** Answers that no engine may give: `stop` rejects with them. */
  readonly unfair: string[];
  /** Asks whose key was used again after an answer, and answered by the same decision. */
  sameAgain: number;
}

export interface Load {
  readonly books: Books;
  readonly stop: () => Promise<void>;
}

export interface LoadOptions {
  readonly redisUrl: string;
  /** Of the engine that runs at this moment. */
  readonly url: () => string | undefined;
  readonly customers: number;
  /** Between twenty purchases and the next twenty; 10 where left out. */
  readonly pauseMs?: number;
  /** In [0, 1), seeded. */
  readonly random: () => number;
}

export function startLoad(options: LoadOptions): Load {
  const books: Books = {
    purchases: new Map(),
    triggers: new Set(),
    asks: new Map(),
    repeated: 0,
    fallbacks: 0,
    outcomes: 0,
    unfair: [],
    sameAgain: 0,
  };
  // Without resending this client never settles what was under way when its connection was lost: the time-out does.
  const redis = new Redis(options.redisUrl, {
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => 20,
    commandTimeout: 2_000,
  });
  redis.on("error", () => undefined); // what it was to do is rejected, and done again
  let isStopped = false;
  const running = [produce(), ...Array.from({ length: 4 }, (_, lane) => askOnAndOn(lane))];

  /** New ones come all the time: the others may have reached a limit that keeps them from ever reaching another. */
  function anyone(): string {
    return `c-${Math.floor(options.random() * (options.customers + books.triggers.size / 10))}`;
  }

  async function produce(): Promise<void> {
    for (let n = 0; !isStopped; n++) {
      await Promise.all(Array.from({ length: 20 }, (_, k) => addPurchase(`p-${n}-${k}`)));
      await sleep(options.pauseMs ?? 10);
    }
  }

  async function addPurchase(id: string): Promise<void> {
    const customer = anyone();
    const amount = options.random() < 0.05 ? 150 : 1 + Math.floor(options.random() * 50);
    const body = JSON.stringify({ id, type: "purchase", customer, ts: Date.now(), props: { amount } });
    await putUntilTaken(body);
    if (options.random() < 0.1) {
      await putUntilTaken(body);
      books.repeated++;
    }
    const sum = books.purchases.get(customer) ?? { count: 0, spend: 0 };
    books.purchases.set(customer, { count: sum.count + 1, spend: sum.spend + amount });
    if (amount >= 100) books.triggers.add(id);
  }

  /** As a careful producer: again, until Redis says that it has it. */
  async function putUntilTaken(body: string): Promise<void> {
    for (;;) {
      const isTaken = await redis.xadd("transactions", "*", "d", body).then(
        () => true,
        () => false,
      );
      if (isTaken) return;
      books.repeated++;
      await sleep(20);
    }
  }

  async function askOnAndOn(lane: number): Promise<void> {
    for (let n = 0; !isStopped; n++) {
      const key = `ask-${lane}-${n}`;
      books.asks.set(key, new Set());
      const customer = anyone();
      await askUntilDecided(key, customer);
      await sleep(5);
    }
  }

  /** As a careful client: the same key until there is an answer. */
  async function askUntilDecided(key: string, customer: string): Promise<void> {
    const body = { customer, channel: "app", placements: [{ name: "app-home" }], deadlineMs: 1_000 };
    for (let attempt = 0; !isStopped && attempt < 500; attempt++) {
      const answer = await post("/v1/decisions", body, key);
      if (answer === undefined) {
        await sleep(20);
        continue;
      }
      const { decisionId, slates } = answer as { decisionId?: string; slates: { items: { trackingCode: string }[] }[] };
      if (decisionId === undefined) {
        books.fallbacks++;
        return;
      }
      const answered = books.asks.get(key) as Set<string>;
      if (answered.has(decisionId)) books.sameAgain++;
      answered.add(decisionId);
      const code = slates[0]?.items[0]?.trackingCode;
      if (code !== undefined && options.random() < 0.3)
        await report(code, options.random() < 0.5 || !maySayNo(customer) ? "presented" : "declined");
      if (options.random() < 0.8) return; // else the same again: the same decision must come
    }
  }

  async function report(trackingCode: string, outcome: string): Promise<void> {
    if ((await post("/v1/outcomes", { trackingCode, outcome })) !== undefined) books.outcomes++;
  }

  async function post(path: string, body: object, idempotencyKey?: string): Promise<unknown> {
    const url = options.url();
    if (url === undefined) return undefined;
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (idempotencyKey !== undefined) headers["idempotency-key"] = idempotencyKey;
    try {
      const response = await fetch(url + path, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(3_000),
      });
      const answer: unknown = await response.json();
      const unfair = unfairness(response, answer);
      if (unfair !== undefined) books.unfair.push(`${path}: ${unfair}`);
      return response.ok ? answer : undefined;
    } catch {
      return undefined; // killed in the middle of it: what became of it is for the books to show
    }
  }

  return {
    books,
    stop: async () => {
      isStopped = true;
      await Promise.all(running);
      redis.disconnect();
      if (books.unfair.length > 0)
        throw new Error(`answers that nobody may get: ${books.unfair.slice(0, 5).join("; ")}`);
    },
  };
}

/**
 * Every second one. What is declined rests for 30 days on all channels: where asks are answered fast, everybody would have
 * declined all there is before a second large purchase, and nobody would reach the cap of push.
 */
function maySayNo(customer: string): boolean {
  return Number(customer.slice("c-".length)) % 2 === 1;
}

/** The one answer of 5xx that an engine may give says when to come again. */
export function unfairness({ status, headers }: Response, answer: unknown): string | undefined {
  const isFair = status < 500 || (status === 503 && headers.has("retry-after"));
  return isFair ? undefined : `${status} ${JSON.stringify(answer)}`;
}
