// Some customers' lives with everything in them: purchases, answers, joins, consent, cases, patterns, campaigns, holds; connections
// that are cut and rules that are changed meanwhile.
import type { Redis } from "ioredis";
import type { CustomerEvent, Props } from "../../engine/domain/event.ts";
import { customerKey, trackingCode } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../engine/domain/time.ts";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import { askFor, cutConnections, editableRules, event, home } from "../partition/harness.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";

const TRIGGERS = `triggers:
  - { id: big-purchase, on: [purchase], when: "context.amount >= 100", placement: outreach, holdFor: 1d }
  - { id: basket, absence: { after: { on: [add_to_cart] }, of: { on: [purchase] }, within: 1s }, when: features.views_1h >= 1, placement: outreach }
  - { id: thrice, count: { of: { on: [page_view] }, times: 3, within: 10m }, placement: agent-desk }
  - { id: looked, sequence: { steps: [{ on: [page_view] }, { on: [add_to_cart] }, { on: [page_view] }], within: 1h }, placement: outreach }
  - { id: gone, inactivity: { for: 2s }, placement: outreach }
  - { id: next-best, rejected: [declined], placement: agent-desk }
`;
const FEATURES = `
  - { name: mean_7d, label: Mean, aggregate: mean, of: [purchase], field: amount, window: 7d }
  - { name: least_7d, label: Least, aggregate: min, of: [purchase], field: amount, window: 7d }
  - { name: most, label: Most, aggregate: max, of: [purchase], field: amount }
  - { name: warm, label: Warm, aggregate: sum, of: [purchase], field: amount, halfLife: 1d }
  - { name: sections_7d, label: Sections, aggregate: distinct, of: [page_view], field: section, window: 7d }
  - { name: last_amount, label: Last, aggregate: last, of: [purchase], field: amount }
  - { name: since, label: Since, aggregate: recency, of: [page_view] }
  - { name: rate, label: Rate, aggregate: ratio, numerator: purchases_24h, denominator: views_1h }
`;
const LATER_FEATURES = `
  - { name: views_6h, label: Views, aggregate: count, of: [page_view], window: 6h }
  - { name: carts, label: Carts, aggregate: count, of: [add_to_cart] }
`;
const POLICY = "openCases:\n  - { id: no-selling, kinds: [complaint], suppresses: { actions: [save-a] } }\n";
const PEOPLE = 16;

export interface BusyLife {
  readonly running: RunningLoop;
  /** Some events, asks and answers; after a share of them every connection is cut. */
  readonly live: (acts: number, cuts: number) => Promise<void>;
  /** Other features, the same triggers. */
  readonly changeRules: () => Promise<void>;
}

export async function startBusyLife(redisUrl: string, client: Redis, random: () => number): Promise<BusyLife> {
  const { dir, edit, write } = await editableRules();
  const since = `${new Date(Date.now() - HOUR_MS).toISOString().slice(0, 16)}Z`;
  const until = `${new Date(Date.now() + DAY_MS).toISOString().slice(0, 16)}Z`;
  await edit("triggers.yaml", () => TRIGGERS);
  await edit("features.yaml", (text) => `${text.trimEnd()}${FEATURES}`);
  await edit("contact-policy.yaml", (text) => `${text}${POLICY}`);
  await write("experiments.yaml", "holdout: { share: 0.3, salt: busy }\n");
  await write("quotas.yaml", "quotas:\n  - { id: pushes, max: 5000, per: day, channel: push }\n");
  await write(
    "campaigns.yaml",
    `campaigns:\n  - { id: spring, when: features.purchases_24h >= 1, placement: outreach, from: ${since}, to: ${until}, perSecond: 1000 }\n`,
  );
  const running = await startLoop(redisUrl, { rulesDir: dir, idleMs: 100 });
  const { engine } = running.loop;
  const any = <One>(list: readonly One[]): One => list[Math.floor(random() * list.length)] as One;
  const people = Array.from({ length: PEOPLE }, (_, n) => (n % 3 === 0 ? `anon:d-${n}` : `c-${n}`));
  const shown: { readonly who: string; readonly code: string }[] = [];
  let sent: CustomerEvent[] = [];
  let number = 0;
  const happens = (type: string, props: Props, who = any(people), agoMs = 0): CustomerEvent =>
    event(`e-${number++}`, type, who, props, Date.now() - agoMs);
  const acts: readonly (() => CustomerEvent)[] = [
    () => happens("purchase", { amount: Math.round(random() * 20_000) / 100 }),
    () => happens("purchase", { amount: 150 }, any(people), random() * 3 * DAY_MS),
    () => happens("page_view", { section: any(["loans", "cards", "home", "help"]) }),
    () => happens("page_view", { section: "loans" }, any(people), random() * 30 * MINUTE_MS),
    () => happens("add_to_cart", { item: "x" }),
    () => happens("profile_update", { first_name: any(["Ana", "Ben"]), tier: any(["gold", "none"]) }),
    () => happens("consent_update", { channel: any(["push", "*"]), purpose: "marketing", granted: random() > 0.4 }),
    () => happens("case_opened", { caseId: any(["a", "b"]), kind: any(["complaint", "question"]) }),
    () => happens("case_closed", { caseId: any(["a", "b"]) }),
    () => happens("task", { taskId: any(["s", "t"]), title: "Call", state: any(["open", "done"]) }),
    () => happens("contact", { channel: "push", group: "savings", direction: "outbound" }),
    () => sent.at(Math.floor(random() * sent.length)) ?? happens("page_view", {}),
    () => {
      const customer = any(people.filter((who) => !who.startsWith("anon:")));
      const device = any(people.filter((who) => who.startsWith("anon:")));
      return { ...happens("identify", {}, customer), anonymousId: device.slice("anon:".length) };
    },
    () => {
      const { who, code } = any(shown) ?? { who: "c-1", code: trackingCode("A".repeat(22) as never, 0) };
      const outcome = any(["presented", "clicked", "accepted", "declined", "later", "not-delivered", "retracted"]);
      return happens(
        "outcome",
        { trackingCode: code, outcome, until: Date.now() + HOUR_MS },
        who,
        random() < 0.2 ? -MINUTE_MS : 0,
      );
    },
  ];
  const askOnce = async (): Promise<void> => {
    const who = any(people);
    const desk = { channel: "contact-centre", placements: [{ name: "agent-desk" }] };
    const answer = await engine.ask(askFor(who, random() < 0.5 ? desk : {}));
    if (answer.kind !== "decided") return;
    for (const { trackingCode: code } of answer.record.contacts) shown.push({ who: answer.record.key, code });
  };
  const put = async (one: CustomerEvent): Promise<void> => {
    const partition = home(one.key);
    await client.xadd(`nba:{${partition}}:events`, "*", ...encodeEvent({ ...one, key: customerKey(one.key) }));
  };
  return {
    running,
    live: async (count, cuts) => {
      for (let done = 0; done < count; done++) {
        if (random() < 0.25) await askOnce();
        const one = any(acts)();
        sent = [...sent.slice(-50), one];
        await put(one);
        if (random() < cuts) await cutConnections(client, running);
      }
    },
    changeRules: async () => {
      await edit("features.yaml", (text) =>
        `${text.trimEnd()}${LATER_FEATURES}`
          .replace(/ {2}- \{ name: sections_7d.*\n/, "")
          .replace("name: least_7d", "name: lowest_7d"),
      );
      const reloaded = await engine.reload("test");
      if (reloaded.kind !== "activated") throw new Error(JSON.stringify(reloaded));
    },
  };
}
