// Two commits of a partition may be under way: what is told of either, and when.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Committed } from "../../engine/engine.ts";
import type { CommitDraft, CommitReply } from "../../engine/journal/journal.ts";
import { RedisTrouble } from "../../engine/journal/redis.ts";
import type { Session } from "../../engine/partition/session.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { askFor, customerIn, decided, lookAt, until } from "./harness.ts";

type Commit = Session["journal"]["commit"];
/** What becomes of the reply to a commit that is sent at once. */
type Fate = (draft: CommitDraft, reply: Promise<CommitReply>) => Promise<CommitReply>;

const HERE = 1;
let redis: TestRedis;
let running: RunningLoop;
let told: Committed[];
let fate: Fate;
/** Opened whatever becomes of a test: a loop that waits for a reply does not stop. */
let openGates: (() => void)[] = [];

beforeAll(async () => {
  redis = await startTestRedis();
  running = await startLoop(redis.url, {
    onSession: ({ journal }) => {
      const { commit } = journal;
      const watched: Commit = (token, draft) => fate(draft, commit(token, draft));
      Object.assign(journal, { commit: watched });
      return async () => undefined;
    },
    onCreated: ({ engine }) => engine.onCommitted((committed) => void told.push(committed)),
  });
});
beforeEach(() => {
  told = [];
  fate = (_, reply) => reply;
});
afterEach(() => {
  for (const open of openGates) open();
  openGates = [];
});
afterAll(async () => {
  await running.stop();
  await redis.stop();
});

/** Customers of one partition whose profiles are in memory, so that a step for them reads nothing. */
async function known(...names: string[]): Promise<string[]> {
  const customers = names.map((name) => customerIn(HERE, name));
  for (const customer of customers) decided(await running.loop.engine.ask(askFor(customer)));
  return customers;
}

function toldIds(): readonly string[] {
  return told.flatMap(({ decisions }) => decisions.map(({ id }) => id));
}

function createGate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  openGates.push(open);
  return { opened, open };
}

it("sends the next commit of a partition while the last one is not acknowledged, and tells of them in their order", async () => {
  const [ana = "", ben = ""] = await known("ana", "ben");
  const sent: CommitDraft[] = [];
  const gate = createGate();
  told.length = 0;
  fate = async (draft, reply) => {
    sent.push(draft);
    await gate.opened;
    return await reply;
  };
  const first = running.loop.engine.ask(askFor(ana));
  await until(() => sent.length === 1);
  const second = running.loop.engine.ask(askFor(ben));
  await until(() => sent.length === 2).finally(gate.open);
  expect(sent[1]?.previous).toBe(sent[0]?.seq);
  const records = [decided(await first), decided(await second)];
  expect(toldIds()).toEqual(records.map(({ id }) => id));
});

it("tells a look only once the commits of the steps before it are acknowledged", async () => {
  const cleo = customerIn(HERE, "cleo");
  const gate = createGate();
  let isSent = false;
  fate = async (_, reply) => {
    isSent = true;
    await gate.opened;
    return await reply;
  };
  const asked = running.loop.engine.ask(askFor(cleo));
  await until(() => isSent);
  let isTold = false;
  const looking = lookAt(running, cleo).then((look) => {
    isTold = true;
    return look;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(isTold).toBe(false);
  gate.open();
  const { id } = decided(await asked);
  expect((await looking).contacts.some(({ decision }) => decision === id)).toBe(true);
});

it("tells of both, in their order, where the first is in doubt and the second is acknowledged", async () => {
  const [ana = "", ben = ""] = await known("dora", "emil");
  told.length = 0;
  const sent: CommitDraft[] = [];
  const gate = createGate();
  fate = async (draft, reply) => {
    const number = sent.push(draft);
    await reply;
    if (number === 1) {
      await gate.opened;
      throw new RedisTrouble("0 of 1 replicas have taken it within 1000 ms");
    }
    if (number === 2) {
      gate.open();
      await new Promise((resolve) => setTimeout(resolve, 5)); // the first has failed by then
    }
    return await reply;
  };
  const first = running.loop.engine.ask(askFor(ana));
  await until(() => sent.length === 1);
  const second = running.loop.engine.ask(askFor(ben));
  const records = [decided(await first), decided(await second)];
  await until(() => toldIds().length >= 2);
  expect(toldIds()).toEqual(records.map(({ id }) => id));
});
