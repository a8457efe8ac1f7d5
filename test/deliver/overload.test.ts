// More asks than may wait for their decision, over HTTP, while Redis takes no commit for a while: by count, not by time.
import { afterAll, beforeAll, expect, it } from "vitest";
import { connect, until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type Outside, startOutside } from "./outside.ts";

const ASKS = 250;
/** So many wait, and those of the steps under way, of which none can be committed: the one before waits for its acknowledgement. */
const WAITING_MAX = 60;
const PER_STEP_MAX = 20;
const LET_IN_MAX = WAITING_MAX + 3 * PER_STEP_MAX;

let redis: TestRedis;
let outside: Outside;

beforeAll(async () => {
  redis = await startTestRedis();
  // Patient, so that a silent Redis is neither given up nor takes the partitions away.
  const patience = { leaseMs: 60_000, silenceMs: 30_000 };
  outside = await startOutside(redis.url, {
    loop: { asksMax: WAITING_MAX, asksPerStepMax: PER_STEP_MAX, ...patience },
  });
});
afterAll(async () => {
  await outside.stop();
  await redis.stop();
});

interface Answered {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: { readonly decisionId?: string; readonly type?: string; readonly degraded?: readonly string[] };
}

function post(body: string): Promise<Response> {
  return fetch(`${outside.url}/v1/decisions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
}

async function ask(n: number): Promise<Answered> {
  const placements = [{ name: "app-home" }];
  const answer = await post(JSON.stringify({ customer: `c-${n}`, channel: "app", placements, deadlineMs: 2_000 }));
  const body = (await answer.json()) as Answered["body"];
  return { status: answer.status, retryAfter: answer.headers.get("retry-after"), body };
}

const isDecided = ({ body }: Answered): boolean => body.decisionId !== undefined;

it("who is too many is told at once to come back, and who was let in is served, again and again", async () => {
  const client = connect(redis);
  try {
    for (const round of [0, 1]) {
      await client.call("CLIENT", "PAUSE", "20000", "WRITE");
      const answers: Answered[] = [];
      const all = Array.from({ length: ASKS }, (_, n) => ask(n).then((answer) => answers.push(answer)));
      await until(() => answers.length >= ASKS - LET_IN_MAX, 20_000);
      // When all places are taken what comes is not even read.
      const more: Promise<Answered>[] = [];
      await until(async () => {
        more.push(ask(more.length));
        const unread = await post("{");
        await unread.arrayBuffer();
        expect([400, 503]).toContain(unread.status);
        return unread.status === 503;
      }, 20_000);
      await client.call("CLIENT", "UNPAUSE");
      await Promise.all([...all, ...more]);

      const turnedAway = answers.filter(({ status }) => status === 503);
      for (const { retryAfter, body } of turnedAway)
        expect([retryAfter, body.type]).toEqual(["1", "/problems/overloaded"]);
      // None of them had waited for a decision: the first one was made after they had all been told.
      const firstDecided = answers.findIndex(isDecided);
      expect(firstDecided < 0 || answers.slice(firstDecided).every(({ status }) => status === 200)).toBe(true);
      const letIn = answers.filter(({ status }) => status === 200);
      expect([round, letIn.length + turnedAway.length]).toEqual([round, ASKS]);
      expect(letIn.length).toBeGreaterThanOrEqual(WAITING_MAX);
      // In time, by a decision; or, where the test was held up for so long, by what the placement declares.
      expect(letIn.every((answer) => isDecided(answer) || answer.body.degraded?.includes("deadline"))).toBe(true);
      const later = await Promise.all(Array.from({ length: PER_STEP_MAX }, (_, n) => ask(n)));
      expect(later.map(({ status }) => status)).toEqual(later.map(() => 200));
    }
  } finally {
    client.disconnect();
  }
}, 90_000);
