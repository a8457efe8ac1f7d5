// What the page makes of frames and metrics, without a browser: its pure modules, loaded as the browser loads them.
import { expect, test } from "vitest";
import { repositoryRoot } from "../../engine/journal/source-file.ts";

type State = Readonly<Record<string, unknown>> & {
  readonly calls: readonly { readonly customer: string }[];
  readonly feed: { readonly rows: readonly unknown[]; readonly held: readonly unknown[]; readonly total: number };
  readonly open?: Open;
};
interface Open {
  readonly cards: readonly { readonly trackingCode: string; readonly answer?: string; readonly pushedAt?: number }[];
  readonly withdrawn: readonly { readonly because: string }[];
  readonly decisionId?: string;
}
interface StateModule {
  readonly initialState: (start: object) => State;
  readonly reduce: (state: State, action: object) => State;
  readonly ringing: (state: State) => readonly { readonly customer: string }[];
  readonly selectedCard: (open: Open | undefined) => { readonly trackingCode: string } | undefined;
}
interface NumbersModule {
  readonly parseMetrics: (text: string) => {
    readonly events: number;
    readonly decisions: number;
    readonly buckets: Map<number, number>;
  };
  readonly quantile: (q: number, now: Map<number, number>, before?: Map<number, number>) => number | undefined;
}
const load = (name: string): Promise<unknown> => import(`${repositoryRoot}/engine/console/${name}`);
const { initialState, reduce, ringing, selectedCard } = (await load("state.js")) as StateModule;
const { parseMetrics, quantile } = (await load("numbers.js")) as NumbersModule;

const start = initialState({ auto: false, theme: "system", shortcuts: true, now: 1_000_000 });
const play = (state: State, ...actions: object[]): State => actions.reduce(reduce, state);
const call = (customer: string, now: number) => ({
  type: "decision",
  now,
  decision: {
    decisionId: `d-${customer}-${now}`,
    customer,
    now,
    direction: "inbound",
    trigger: { id: "incoming-call", source: "clickstream", event: "e" },
    slates: [{ placement: "agent-desk", kind: "act", items: [] }],
    degraded: [],
  },
});
const deskAsk = (customer: string, now: number) => {
  const { trigger: _trigger, ...decision } = call(customer, now).decision;
  return { type: "decision", now, decision: { ...decision, decisionId: `ask-${customer}-${now}` } };
};
const tick = (now: number) => ({ type: "tick", now });
const card = (trackingCode: string, priority: number, expiresAt = 9_000_000) => ({
  trackingCode,
  priority,
  expiresAt,
  decisionId: "d",
  placement: "agent-desk",
  action: "a",
  treatment: "a:contact-centre",
  rank: 1,
  title: trackingCode,
  script: "",
  reasons: [],
  content: {},
});
const opened = play(
  start,
  { type: "open", customer: "c-1", now: 1_000_000 },
  { type: "snapshot", customer: "c-1", look: {}, nbas: [card("low", 1), card("high", 3)] },
);
const codes = (state: State) => state.open?.cards.map(({ trackingCode }) => trackingCode);

test("a call rings once colleagues had their chance, and stops when somebody's desk asks for the customer", () => {
  const called = play(start, call("c-1", 1_000_000), call("c-2", 1_000_100));
  expect(ringing(called)).toEqual([]);
  const later = play(called, tick(1_000_900));
  expect(ringing(later).map(({ customer }) => customer)).toEqual(["c-1", "c-2"]);
  const answered = play(later, deskAsk("c-1", 1_001_000));
  expect(ringing(answered).map(({ customer }) => customer)).toEqual(["c-2"]);
  expect(ringing(play(answered, tick(1_000_100 + 60_001)))).toEqual([]);
});

test("an old incoming call of a resumed feed does not ring", () => {
  expect(play(start, { ...call("c-1", 900_000), now: 1_000_000 }).calls).toEqual([]);
});

test("cards are ranked by priority; a push never moves the card that the agent is at", () => {
  expect(codes(opened)).toEqual(["high", "low"]);
  expect(selectedCard(opened.open)?.trackingCode).toBe("high");
  const pushed = play(opened, { type: "pushed", customer: "c-1", decision: card("urgent", 9), now: 1_000_500 });
  expect(codes(pushed)).toEqual(["high", "urgent", "low"]);
  expect(selectedCard(pushed.open)?.trackingCode).toBe("high");
  expect(pushed.open?.cards[1]?.pushedAt).toBe(1_000_500);
});

test("a snapshot that names a tracking code twice shows one card", () => {
  const nbas = [card("kept", 2), card("kept", 2), card("other", 1)];
  expect(codes(play(opened, { type: "snapshot", customer: "c-1", look: {}, nbas }))).toEqual(["kept", "other"]);
});

test("the same push twice is one card", () => {
  const push = { type: "pushed", customer: "c-1", decision: card("again", 2), now: 1_000_500 };
  expect(codes(play(opened, push, push))?.filter((code) => code === "again")).toHaveLength(1);
});

test("frames of another customer change nothing", () => {
  const other = { type: "pushed", customer: "c-2", decision: card("other", 9), now: 1 };
  expect(play(opened, other).open).toBe(opened.open);
});

test("an answer keeps its card until the engine withdraws it, with the reason", () => {
  const answered = play(opened, { type: "answered", trackingCode: "high", outcome: "accepted" });
  expect(answered.open?.cards[0]?.answer).toBe("accepted");
  expect(selectedCard(answered.open)?.trackingCode).toBe("low");
  const gone = play(answered, { type: "withdrawn", customer: "c-1", trackingCode: "high", because: "taken", now: 1 });
  expect(codes(gone)).toEqual(["low"]);
  expect(gone.open?.withdrawn[0]?.because).toBe("taken");
});

test("an answer that was refused can be given again", () => {
  const refused = play(
    opened,
    { type: "answered", trackingCode: "high", outcome: "accepted" },
    { type: "refused", trackingCode: "high", problem: "not taken" },
  );
  expect(selectedCard(refused.open)?.trackingCode).toBe("high");
});

test("an expired card leaves the screen by the clock", () => {
  const expiring = play(opened, { type: "pushed", customer: "c-1", decision: card("brief", 2, 1_100_000), now: 1 });
  expect(codes(play(expiring, tick(1_100_001)))).not.toContain("brief");
});

test("a paused feed stands still, counts on, and shows what it held afterwards", () => {
  const paused = play(start, deskAsk("c-1", 1), { type: "pause" }, deskAsk("c-2", 2), deskAsk("c-3", 3));
  expect([paused.feed.rows.length, paused.feed.held.length, paused.feed.total]).toEqual([1, 2, 3]);
  const resumed = play(paused, { type: "pause" });
  expect([resumed.feed.rows.length, resumed.feed.held.length]).toEqual([3, 0]);
});

test("the desk remembers its latest decision, so that nothing offered can be explained too", () => {
  expect(play(opened, deskAsk("c-1", 5)).open?.decisionId).toBe("ask-c-1-5");
});

test("an action without a name in the reducer is an error, not a silence", () => {
  expect(() => reduce(start, { type: "no-such" })).toThrow("no-such");
});

test("metrics are summed over their labels, and refused events do not count", () => {
  const parsed = parseMetrics(
    [
      "# HELP nba_events_total x",
      'nba_events_total{source="clickstream",result="folded"} 40',
      'nba_events_total{source="transactions",result="folded"} 2',
      'nba_events_total{source="clickstream",result="dead"} 7',
      'nba_decisions_total{kind="act",direction="inbound",placement="app-home"} 5',
      'nba_decisions_total{kind="none",direction="inbound",placement="app-home"} 1',
      'nba_decision_duration_seconds_bucket{le="0.001",path="http"} 3',
      'nba_decision_duration_seconds_bucket{le="0.001",path="live"} 1',
      'nba_decision_duration_seconds_bucket{le="+Inf",path="http"} 8',
      "process_cpu_seconds_total 1",
    ].join("\n"),
  );
  expect([parsed.events, parsed.decisions]).toEqual([42, 6]);
  expect([...parsed.buckets]).toEqual([
    [0.001, 4],
    [Number.POSITIVE_INFINITY, 8],
  ]);
});

test("quantiles are interpolated within a bucket, over what came since", () => {
  const before = new Map([
    [0.001, 10],
    [0.01, 10],
    [Number.POSITIVE_INFINITY, 10],
  ]);
  const now = new Map([
    [0.001, 60],
    [0.01, 110],
    [Number.POSITIVE_INFINITY, 110],
  ]);
  expect(quantile(0.25, now, before)).toBeCloseTo(0.0005);
  expect(quantile(0.5, now, before)).toBeCloseTo(0.001);
  expect(quantile(0.75, now, before)).toBeCloseTo(0.0055);
  expect(quantile(0.5, before, before)).toBeUndefined();
});
