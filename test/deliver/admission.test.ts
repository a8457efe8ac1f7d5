// More requests than may wait for an answer, while Redis says nothing for a moment: by count, not by time.
import { afterAll, beforeAll, expect, it } from "vitest";
import { connect, until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type Outside, startOutside } from "./outside.ts";

let redis: TestRedis;
let outside: Outside;

beforeAll(async () => {
  redis = await startTestRedis();
  outside = await startOutside(redis.url, { bounds: { requestsMax: 20, bytesMax: 200_000 } });
});
afterAll(async () => {
  await outside.stop();
  await redis.stop();
});

const event = (id: string, filler = ""): string =>
  JSON.stringify({ id, type: "page_view", customer: "ana", ts: Date.now(), props: { filler } });

function send(body: string, contentType = "application/json"): Promise<Response> {
  return fetch(`${outside.url}/v1/events`, { method: "POST", headers: { "content-type": contentType }, body });
}

/** Answers in the order in which they came. Redis takes no write until so many did. */
async function whileSilent(answersFirst: number, requests: () => readonly Promise<Response>[]) {
  const client = connect(redis);
  // Not as long as the engine waits before it gives its connection up.
  await client.call("CLIENT", "PAUSE", "1500", "WRITE");
  try {
    const answers: Response[] = [];
    const all = Promise.all(requests().map((request) => request.then((answer) => answers.push(answer))));
    await until(() => answers.length >= answersFirst);
    await client.call("CLIENT", "UNPAUSE");
    await all;
    return answers;
  } finally {
    client.disconnect();
  }
}

it("so many wait, the others are told at once to come back; who looks after the engine is let in", async () => {
  let health: Promise<Response> | undefined;
  const answers = await whileSilent(30, () => {
    const events = Array.from({ length: 50 }, (_, n) => send(event(`e-${n}`)));
    health = fetch(`${outside.url}/healthz`);
    return events;
  });
  expect((await health)?.status).toBe(200);
  // What waits is answered when Redis is back, so after all that were not let in.
  expect(answers.map(({ status }) => status)).toEqual([...Array(30).fill(503), ...Array(20).fill(202)]);
  for (const answer of answers.slice(0, 30)) {
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(await answer.json()).toMatchObject({ type: "/problems/overloaded", status: 503 });
  }
});

it("bodies are bounded in bytes together, and nothing stays counted", async () => {
  const large = (n: number): string =>
    Array.from({ length: 60 }, (_, k) => event(`b-${n}-${k}`, "x".repeat(1_000))).join("\n");
  const answers = await whileSilent(4, () =>
    Array.from({ length: 8 }, (_, n) => send(large(n), "application/x-ndjson")),
  );
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 202).length).toBeGreaterThanOrEqual(2);
  expect(statuses.filter((status) => status === 503).length).toBeGreaterThanOrEqual(4);
  const later = await Promise.all(Array.from({ length: 20 }, (_, n) => send(event(`l-${n}`))));
  expect(later.map(({ status }) => status)).toEqual(Array(20).fill(202));
});
