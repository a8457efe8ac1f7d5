// Mixed load for the full rules: who buys, looks, is asked, answers, complains and withdraws consent. It keeps what it was told.
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { unfairness } from "./load.ts";

export interface Person {
  /** As sent; `anon:` before an anonymous id. */
  readonly key: string;
  readonly firstName: string | undefined;
  readonly zone: string | undefined;
  readonly country: string | undefined;
}

export interface FullBooks {
  /** Decision id -> treatments answered, by placement's order. */
  readonly answers: Map<string, { readonly key: string; readonly treatments: readonly string[] }>;
  /** Tracking codes that were perhaps reported as not delivered. */
  readonly notDelivered: Set<string>;
  outcomes: number;
  /** Answers that no engine may give: `stop` rejects with them. */
  readonly unfair: string[];
}

export interface FullLoadOptions {
  readonly redisUrl: string;
  /** Of the engine that runs at this moment. */
  readonly url: () => string | undefined;
  readonly people: readonly Person[];
  /** In [0, 1), seeded. */
  readonly random: () => number;
}

const ZONES = ["Europe/Vienna", "Australia/Lord_Howe", "America/New_York", "Atlantis/Poseidonis", undefined];
const COUNTRIES = ["AT", "PT", "AU", undefined];
const ASKS = [
  { channel: "app", placements: ["home"] },
  { channel: "app", placements: ["hero", "home"] },
  { channel: "desk", placements: ["counter"] },
  { channel: "email", placements: ["counter"] },
];
const OUTCOMES = ["presented", "presented", "clicked", "accepted", "declined", "later", "converted", "not-delivered"];

export function makePeople(count: number): readonly Person[] {
  return Array.from({ length: count }, (_, n) => {
    if (n % 9 === 8) return { key: `anon:d-${n}`, firstName: undefined, zone: undefined, country: undefined };
    const firstName = n % 5 === 4 ? undefined : `Zoë <${n}>`;
    return { key: `c-${n}`, firstName, zone: ZONES[n % 5], country: COUNTRIES[n % 4] };
  });
}

/** What others tell of the people; of those who are known by an id. */
export function profileOf({ firstName, zone, country }: Person, n: number): Readonly<Record<string, unknown>> {
  return {
    age: 17 + (n % 50),
    products: n % 3 === 0 ? ["giro", "travel"] : ["giro"],
    ...(firstName === undefined ? {} : { first_name: firstName }),
    ...(zone === undefined ? {} : { time_zone: zone }),
    ...(country === undefined ? {} : { country }),
  };
}

export function startFullLoad({ redisUrl, url, people, random }: FullLoadOptions) {
  const books: FullBooks = { answers: new Map(), notDelivered: new Set(), outcomes: 0, unfair: [] };
  const redis = new Redis(redisUrl, { autoResendUnfulfilledCommands: false });
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  let isStopped = false;
  let sent = 0;
  const running = [produce(), ...Array.from({ length: 4 }, (_, lane) => askOnAndOn(lane))];

  async function produce(): Promise<void> {
    while (!isStopped) {
      // While no engine runs, a few: else there would be little but catching up.
      await Promise.all(Array.from({ length: url() === undefined ? 1 : 4 }, addEvent));
      await sleep(30);
    }
  }

  async function addEvent(): Promise<void> {
    const { key } = pick(people);
    const whose = key.startsWith("anon:") ? { anonymousId: key.slice("anon:".length) } : { customer: key };
    const body = { id: `e-${sent++}`, ts: Date.now(), ...whose, ...happening() };
    await redis.xadd(body.type === "purchase" ? "transactions" : "clickstream", "*", "d", JSON.stringify(body));
  }

  function happening(): { readonly type: string; readonly props: Readonly<Record<string, unknown>> } {
    const draw = random();
    if (draw < 0.4) return { type: "purchase", props: { amount: 5 + Math.floor(random() ** 3 * 600) } };
    if (draw < 0.8) return { type: "page_view", props: { section: pick(["loans", "home", "cards"]) } };
    if (draw < 0.92) return { type: "quit", props: {} };
    const consent = { channel: pick(["push", "email", "*"]), purpose: "marketing", granted: random() < 0.8 };
    if (draw < 0.96) return { type: "consent_update", props: consent };
    const caseId = `k-${Math.floor(random() * 3)}`;
    if (draw < 0.98) return { type: "case_opened", props: { caseId, kind: "complaint" } };
    return { type: "case_closed", props: { caseId } };
  }

  async function askOnAndOn(lane: number): Promise<void> {
    for (let n = 0; !isStopped; n++) {
      await ask(`ask-${lane}-${n}`, pick(people).key);
      await sleep(5);
    }
  }

  async function ask(idempotencyKey: string, key: string): Promise<void> {
    const whose = key.startsWith("anon:") ? { anonymousId: key.slice("anon:".length) } : { customer: key };
    const { channel, placements } = pick(ASKS);
    const locale = pick(["en", "de-AT", "fr"]);
    const body = { ...whose, channel, placements: placements.map((name) => ({ name })), locale, deadlineMs: 2_000 };
    const answer = (await post("/v1/decisions", body, idempotencyKey)) as
      | { decisionId?: string; slates: { items: { trackingCode: string; treatment: string }[] }[] }
      | undefined;
    if (answer?.decisionId === undefined) return; // killed, or the placement's fallback
    const items = answer.slates.flatMap((slate) => slate.items);
    books.answers.set(answer.decisionId, { key, treatments: items.map(({ treatment }) => treatment) });
    for (const { trackingCode } of items) if (random() < 0.6) await report(trackingCode);
  }

  async function report(trackingCode: string): Promise<void> {
    const outcome = pick(OUTCOMES);
    if (outcome === "not-delivered") books.notDelivered.add(trackingCode);
    const until = outcome === "later" ? { until: Date.now() + 3_600_000 } : {};
    if ((await post("/v1/outcomes", { trackingCode, outcome, ...until })) !== undefined) books.outcomes++;
  }

  async function post(path: string, body: object, idempotencyKey?: string): Promise<unknown> {
    const base = url();
    if (base === undefined) return await sleep(10, undefined);
    const key = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
    const headers = { "content-type": "application/json", ...key };
    const signal = AbortSignal.timeout(3_000);
    try {
      const response = await fetch(base + path, { method: "POST", headers, body: JSON.stringify(body), signal });
      const answer: unknown = await response.json();
      const unfair = unfairness(response, answer);
      if (unfair !== undefined) books.unfair.push(`${path}: ${unfair}`);
      return response.ok ? answer : undefined;
    } catch {
      return undefined; // killed in the middle of it: what became of it is for the journal to show
    }
  }

  return {
    books,
    stop: async (): Promise<void> => {
      isStopped = true;
      await Promise.all(running);
      redis.disconnect();
      if (books.unfair.length > 0)
        throw new Error(`answers that nobody may get: ${books.unfair.slice(0, 5).join("; ")}`);
    },
  };
}
