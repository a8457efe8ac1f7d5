// What a person (or a frame of the engine) makes the page do: effects that end in dispatched actions.
import { getCustomer, getExplanation } from "./api.js";
import { ringing, selectedCard } from "./state.js";
import { customerName } from "./words.js";

/** After a change of the customer's NBAs the rest of the profile is read again, at most this often. */
const LOOK_AFTER_MS = 300;
const LOOK_EVERY_MS = 4_000;

export function createActs({ live, dispatch, read, remember }) {
  let lookTimer;
  const presented = new Set();

  const acts = {
    receive(frame) {
      const now = Date.now();
      const customer = frame.topic?.startsWith("customer/") ? frame.topic.slice("customer/".length) : undefined;
      if (frame.op === "decision") {
        dispatch({ type: "decision", decision: frame.decision, skipped: frame.skipped, now });
        nameCaller(frame.decision);
      } else if (frame.op === "snapshot" && customer !== undefined) {
        dispatch({ type: "snapshot", customer, look: frame.customer, nbas: frame.nbas, degraded: frame.degraded });
        present();
      } else if (frame.op === "nba") {
        dispatch({ type: "pushed", customer, decision: frame.decision, now });
        present();
        lookSoon(LOOK_AFTER_MS);
      } else if (frame.op === "withdraw") {
        dispatch({ type: "withdrawn", customer, trackingCode: frame.trackingCode, because: frame.because, now });
        lookSoon(LOOK_AFTER_MS);
      } else if (frame.op === "ack" && frame.trackingCode) {
        dispatch({ type: "recorded", trackingCode: frame.trackingCode, outcome: frame.outcome });
        lookSoon(LOOK_AFTER_MS);
      } else if (frame.op === "error") failed(frame);
    },

    /** Opens a customer: the desk asks for the placement agent-desk and follows the customer. */
    open(customer) {
      const before = read().open;
      if (before !== undefined) live.unsubscribe(`customer/${before.customer}`);
      const call = read().calls.find((candidate) => candidate.customer === customer);
      presented.clear();
      dispatch({ type: "open", customer, name: call?.name, now: Date.now() });
      live.subscribe(`customer/${customer}`, "agent-desk");
      lookSoon(LOOK_EVERY_MS);
    },
    /** Asks once more for the open customer: what is on offer stays, free slots may be filled. */
    askAgain() {
      const { open } = read();
      if (open !== undefined) live.subscribe(`customer/${open.customer}`, "agent-desk");
    },
    close() {
      const { open } = read();
      if (open !== undefined) live.unsubscribe(`customer/${open.customer}`);
      clearTimeout(lookTimer);
      dispatch({ type: "close" });
    },
    answerNext() {
      const call = ringing(read())[0];
      if (call !== undefined) acts.open(call.customer);
    },
    /** ?auto=1: answers when nobody is on the line, or when the present customer has been served for a while. */
    answerByItself() {
      const { auto, open, now } = read();
      if (!auto) return;
      const isServed = open === undefined || now - open.since > 20_000;
      if (isServed) acts.answerNext();
    },
    select: (trackingCode) => dispatch({ type: "select", trackingCode }),
    menu: (trackingCode, menu) => dispatch({ type: "ask", trackingCode, menu }),
    /** @param {"accepted" | "declined" | "later"} outcome */
    answer(trackingCode, outcome, extra) {
      dispatch({ type: "answered", trackingCode, outcome });
      live.report({ trackingCode, outcome, ...extra });
    },
    answerSelected(outcome) {
      const card = selectedCard(read().open);
      if (card === undefined) return;
      if (outcome === "accepted") acts.answer(card.trackingCode, "accepted");
      else acts.menu(card.trackingCode, outcome);
    },
    async explain(decisionId) {
      dispatch({ type: "funnel", funnel: { kind: "loading", decisionId } });
      const answer = await getExplanation(decisionId);
      if (read().funnel?.decisionId !== decisionId) return;
      const funnel = answer.ok
        ? { kind: "shown", decisionId, body: answer.body }
        : { kind: "failed", decisionId, problem: answer.problem };
      dispatch({ type: "funnel", funnel });
    },
    closeFunnel: () => dispatch({ type: "funnel", funnel: undefined }),
    pause: () => dispatch({ type: "pause" }),
    only: (only) => dispatch({ type: "only", only }),
    theme(theme) {
      remember("theme", theme);
      dispatch({ type: "theme", theme });
    },
    shortcuts(on) {
      remember("shortcuts", on ? "on" : "off");
      dispatch({ type: "shortcuts", shortcuts: on });
    },
    reconnect: () => live.connectNow(),
  };

  /** Every card on the screen is reported as presented, once. */
  function present() {
    for (const card of read().open?.cards ?? []) {
      if (presented.has(card.trackingCode)) continue;
      presented.add(card.trackingCode);
      live.report({ trackingCode: card.trackingCode, outcome: "presented" });
    }
  }

  function lookSoon(delay) {
    clearTimeout(lookTimer);
    lookTimer = setTimeout(look, delay);
  }

  async function look() {
    const customer = read().open?.customer;
    if (customer === undefined) return;
    const answer = await getCustomer(customer);
    if (answer.ok) dispatch({ type: "looked", customer, look: answer.body });
    else if (answer.status === 404) dispatch({ type: "missing", customer });
    if (read().open?.customer === customer) lookSoon(LOOK_EVERY_MS);
  }

  async function nameCaller(decision) {
    const { customer } = decision;
    const call = read().calls.find((candidate) => candidate.customer === customer && candidate.name === undefined);
    if (call === undefined) return;
    const answer = await getCustomer(customer);
    if (answer.ok) dispatch({ type: "named", customer, name: customerName(customer, answer.body.attributes) });
  }

  function failed(frame) {
    const problem = frame.detail ?? frame.code;
    // The id of an outcome ends with it: that a card was shown is no answer of the agent.
    const isAnswer = frame.trackingCode && !frame.id?.endsWith(" presented");
    if (isAnswer) dispatch({ type: "refused", trackingCode: frame.trackingCode, problem });
    else dispatch({ type: "notice", notice: problem });
  }

  return acts;
}
