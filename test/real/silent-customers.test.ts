// Customers of the CDNOW file who have gone silent get a retention action, day by day on a driven clock, and a count over
// the file says who and when: it knows nothing of profiles, timers and windows.
import { cp, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { skipShared } from "../models/shared-data.ts";
import { event, journalOf, until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { type RecordedRow, readCdnow } from "./recorded-rows.ts";

const DAY = 86_400_000;
const FIRST_DAY = Date.UTC(1997, 0, 1) / DAY;
const DAYS = 110;
const CUSTOMERS = 40;
const SILENT_DAYS = 60;
const CHURN_MIN = 0.5;
const CAP_DAYS = 30;

const FILES: Readonly<Record<string, string>> = {
  "rulebook.yaml": 'version: "silent"\n',
  "channels.yaml": `channels:
  - { name: push, label: Push, kind: stream, countsAt: decided, consentDefault: granted }
`,
  "placements.yaml": `placements:
  - { name: outreach, label: Messages, direction: outbound, channels: [push], slots: 1, fallback: { title: None, text: None } }
`,
  "triggers.yaml": `triggers:
  - { id: gone-silent, daily: true, when: features.purchase_recency >= ${SILENT_DAYS * DAY}, placement: outreach }
`,
  "contact-policy.yaml": `limits:
  - { id: once-a-month, max: 1, window: ${CAP_DAYS}d, action: win-back }
`,
  "actions/retention.yaml": `issue: { id: retention, label: Retention, purpose: marketing }
groups:
  - id: save
    label: Save
    actions:
      - id: win-back
        label: Win back
        eligibility:
          - { id: may-leave, rule: model.churn >= ${CHURN_MIN} }
        value: 10 * model.churn
        propensity: { prior: { mean: 0.2, weight: 10 } }
        treatments:
          - { channel: push, content: { title: We miss you, text: Come back } }
`,
};

async function rules(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "nba-silent-"));
  await cp(`${repositoryRoot}/rules/features.yaml`, join(dir, "features.yaml"));
  await mkdir(join(dir, "actions"));
  for (const [file, text] of Object.entries(FILES)) await writeFile(join(dir, file), text);
  return dir;
}

/** Days since 1970 on which somebody who has bought on these days has been silent for long enough. */
function silentDays(bought: readonly number[], lastDay: number): readonly number[] {
  const days: number[] = [];
  for (let day = FIRST_DAY; day <= lastDay; day++) {
    const last = bought.filter((one) => one <= day).at(-1);
    if (last !== undefined && day - last >= SILENT_DAYS) days.push(day);
  }
  return days;
}

describe.skipIf(skipShared)("silent customers", () => {
  let redis: TestRedis;
  let client: Redis;
  let running: RunningLoop;
  const rulesDir = rules();
  const modelsDir = `${repositoryRoot}/models`;
  const start = async () => startLoop(redis.url, { rulesDir: await rulesDir, modelsDir, partitions: 1, idleMs: 20 });

  beforeAll(async () => {
    redis = await startTestRedis();
    client = new Redis(redis.socket);
    running = await start();
  });
  afterAll(async () => {
    client?.disconnect();
    await running?.stop();
    await redis?.stop();
  });

  const put = async (rows: readonly RecordedRow[], day: number): Promise<void> => {
    for (const [n, { customer, type, ts, props }] of rows.entries()) {
      await client.xadd(
        "nba:{0}:events",
        "*",
        ...encodeEvent(event(`${day}-${n}`, type, customer, props, ts), ts as never),
      );
    }
  };
  /** To the last minute of a day; everything that is due by then has happened afterwards. */
  const driveTo = async (day: number): Promise<void> => {
    const at = (day + 1) * DAY - 60_000;
    const tick = event(`tick-${day}`, "clock_tick", "nobody", {}, at);
    await client.xadd("nba:{0}:events", "*", ...encodeEvent(tick, at as never));
    await until(async () => ((await running.loop.engine.look("nobody" as never))?.now ?? 0) >= at);
    await until(async () => (await client.zcount("nba:{0}:timers", "-inf", at)) === 0);
  };

  it("DAY-1 get a retention action, those and no others, within the cap", { timeout: 120_000 }, async () => {
    const { byCustomer } = readCdnow();
    const chosen = [...byCustomer].filter((_, n) => n % 50 === 0).slice(0, CUSTOMERS);
    const lastDay = FIRST_DAY + DAYS - 1;
    for (let day = FIRST_DAY; day <= lastDay; day++) {
      await put(
        chosen.flatMap(([, rows]) => rows.filter(({ ts }) => ts === day * DAY)),
        day,
      );
      await driveTo(day);
      if (day !== FIRST_DAY + DAYS / 2) continue;
      await running.stop();
      running = await start();
    }
    const decisions = (await journalOf(client, 0)).flatMap((commit) => commit.decisions);
    const dayOf = ({ trigger }: DecisionRecord) => Number(trigger?.event);
    let asked = 0;
    let acted = 0;
    for (const [customer, rows] of chosen) {
      const own = decisions.filter(({ key }) => key === customer);
      const bought = rows.map(({ ts }) => ts / DAY);
      expect(own.map(dayOf), customer).toEqual(silentDays(bought, lastDay));
      let free = Number.NEGATIVE_INFINITY;
      for (const record of own) {
        const [churn] = record.models;
        const isDue = (churn?.value ?? 0) >= CHURN_MIN && record.now >= free;
        expect(record.kind, `${customer} on day ${dayOf(record)}`).toBe(isDue ? "act" : "none");
        asked++;
        if (record.kind === "none") continue;
        acted++;
        free = record.now + CAP_DAYS * DAY;
        expect(record.slates[0]?.items).toMatchObject([{ action: "win-back", channel: "push" }]);
      }
    }
    expect(decisions.length).toBe(asked);
    expect(acted, "somebody went silent and may leave").toBeGreaterThan(CUSTOMERS / 3);
    console.log(`${CUSTOMERS} customers, ${DAYS} days: ${asked} daily decisions, ${acted} retention messages`);
  });
});
