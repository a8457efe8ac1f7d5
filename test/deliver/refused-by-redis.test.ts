// What callers are told while Redis takes commands and refuses them: to come again, whatever they asked.
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLog } from "../../engine/observe/log.ts";
import { connect, until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type Outside, startOutside } from "./outside.ts";

let redis: TestRedis;
let outside: Outside;
let decision: { readonly id: string; readonly code: string };

beforeAll(async () => {
  redis = await startTestRedis();
  const log = createLog({ level: "fatal", readable: true, write: (line) => void process.stdout.write(line) });
  outside = await startOutside(redis.url, { log, loop: { log } });
  const made = (await (await call("POST", "/v1/decisions", ASK)).json()) as {
    decisionId: string;
    slates: { items: { trackingCode: string }[] }[];
  };
  decision = { id: made.decisionId, code: made.slates[0]?.items[0]?.trackingCode as string };
});
afterAll(async () => {
  await outside.stop();
  await redis.stop();
});

const ASK = { customer: "ana", channel: "app", placements: [{ name: "app-home" }], deadlineMs: 1_000 };

function call(method: string, path: string, body?: object): Promise<Response> {
  const sent =
    body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return fetch(outside.url + path, { method, signal: AbortSignal.timeout(20_000), ...sent });
}

function everything(n: string): readonly (readonly [string, string, object?])[] {
  const event = { id: `e-${n}`, type: "page_view", customer: "ana", ts: Date.now(), props: {} };
  return [
    ["POST", "/v1/tickets"],
    ["POST", "/v1/rulebook:reload"],
    ["POST", "/v1/rulebook:rollback"],
    ["DELETE", `/v1/customers/bob-${n}`],
    ["GET", `/v1/decisions/${decision.id}`],
    ["GET", `/v1/decisions/${decision.id}?explain=true`],
    ["GET", "/v1/customers/ana"],
    ["GET", "/v1/customers/ana/events"],
    ["GET", "/v1/customers/ana/decisions"],
    ["GET", "/v1/quotas"],
    ["GET", "/v1/campaigns"],
    ["GET", "/v1/rulebook"],
    ["POST", "/v1/events", event],
    ["POST", "/v1/outcomes", { trackingCode: decision.code, outcome: "presented" }],
    ["POST", "/v1/decisions", ASK],
    ["POST", "/v1/decisions:simulate", { ...ASK, deadlineMs: undefined }],
  ];
}

interface Trouble {
  readonly begin: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
}

const TROUBLES: Readonly<Record<string, () => Trouble>> = {
  OOM: () => {
    const client = connect(redis);
    const limit = (bytes: string) => client.config("SET", "maxmemory", bytes);
    return { begin: () => limit("1"), end: () => limit("0").finally(() => client.disconnect()) };
  },
  READONLY: () => {
    const client = connect(redis);
    return {
      begin: () => client.replicaof("127.0.0.1", "1"),
      end: () => client.replicaof("NO", "ONE").finally(() => client.disconnect()),
    };
  },
  BUSY: () => {
    const [client, busy] = [connect(redis), connect(redis)];
    return {
      begin: async () => {
        await client.config("SET", "busy-reply-threshold", "20");
        busy.eval("while true do end", 0).catch(() => undefined); // it is killed in the end
        await until(
          async () =>
            await client.ping().then(
              () => false,
              () => true,
            ),
          5_000,
        );
      },
      end: async () => {
        await client.call("SCRIPT", "KILL");
        client.disconnect();
        busy.disconnect();
      },
    };
  },
};

it.each(Object.keys(TROUBLES))(
  "ANY-9 %s is 503 with Retry-After on every path, and nothing else of 5xx",
  async (name) => {
    const { begin, end } = (TROUBLES[name] as () => Trouble)();
    await begin();
    const unfair: string[] = [];
    let unavailable = 0;
    try {
      for (const [method, path, body] of everything(name)) {
        const { status, headers } = await call(method, path, body);
        if (status === 503) unavailable++;
        if (status >= 500 && !(status === 503 && headers.has("retry-after")))
          unfair.push(`${method} ${path}: ${status}`);
      }
    } finally {
      await end();
    }
    expect(unfair).toEqual([]);
    expect(unavailable).toBeGreaterThan(0);
    await until(async () => (await call("GET", "/readyz")).status === 200, 20_000);
  },
  60_000,
);
