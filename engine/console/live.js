// WebSocket client of /v1/live: connects, subscribes, resumes each topic from its cursor, and reconnects with backoff.
// Outcomes that were not acknowledged are sent again after a reconnect: a repeated outcome changes nothing.
import { askForToken, token } from "./session.js";

/**
 * @typedef {{ kind: "connecting" } | { kind: "live" } | { kind: "waiting", retryAt: number, attempt: number }} Connection
 * @typedef {{ placement: string | undefined, cursor: string | undefined, asked: boolean }} Topic
 */

const FEED = "decisions";
/** Close code: no token, or none that is good. */
const UNAUTHORIZED = 4401;
const BACKOFF_MIN_MS = 250;
const BACKOFF_MAX_MS = 8_000;
/** Where the engine could not answer a subscription just now. */
const ASK_AGAIN_MS = 1_000;

/**
 * @param {{ url: string, onFrame: (frame: any) => void, onConnection: (connection: Connection) => void }} deps
 */
export function createLive({ url, onFrame, onConnection }) {
  /** @type {Map<string, Topic>} */
  const topics = new Map();
  /** Outcomes under way, by their id, which ack and error repeat. */
  const unacknowledged = new Map();
  let socket;
  let attempt = 0;
  let timer;
  let isLive = false;
  let mayFeed = false;

  function connect() {
    clearTimeout(timer);
    onConnection({ kind: "connecting" });
    const opened = new WebSocket(url, "nba.v1.json");
    socket = opened;
    opened.onopen = () => {
      attempt = 0;
      const shown = token();
      if (shown === undefined) begin();
      else transmit({ op: "connect", token: shown });
    };
    opened.onmessage = (message) => receive(JSON.parse(message.data));
    opened.onclose = ({ code }) => {
      if (socket !== opened) return;
      isLive = false;
      if (code === UNAUTHORIZED) askForToken();
      else retry();
    };
  }

  /** The engine knows who this is; `scopes` of the token, undefined where it asks nobody. */
  function begin(scopes) {
    isLive = true;
    mayFeed = scopes === undefined || scopes.includes("admin");
    onConnection({ kind: "live" });
    for (const [name, topic] of topics) sendSubscribe(name, topic);
    for (const message of unacknowledged.values()) transmit(message);
  }

  function retry() {
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** attempt);
    const delay = ceiling / 2 + (Math.random() * ceiling) / 2;
    attempt++;
    onConnection({ kind: "waiting", retryAt: Date.now() + delay, attempt });
    timer = setTimeout(connect, delay);
  }

  function receive(frame) {
    if (frame.op === "ack" && frame.for === "connect") return begin(frame.scopes);
    const topic = topics.get(frame.topic);
    if (topic && frame.cursor !== undefined) topic.cursor = frame.cursor;
    // Once the snapshot is here the engine has been asked; after a reconnect it is enough to listen.
    if (topic && frame.op === "snapshot") topic.asked = true;
    if (frame.op === "ack" || frame.op === "error") unacknowledged.delete(frame.id);
    if (topic && frame.op === "error" && frame.code === "unavailable")
      setTimeout(() => topics.get(frame.topic) === topic && sendSubscribe(frame.topic, topic), ASK_AGAIN_MS);
    onFrame(frame);
  }

  function sendSubscribe(name, topic) {
    // The feed of all decisions is not for everybody: asking for it would close the socket.
    if (!isLive || (name === FEED && !mayFeed)) return;
    const message = { op: "subscribe", topic: name };
    if (topic.placement && !topic.asked) message.placement = topic.placement;
    if (topic.cursor !== undefined) message.since = topic.cursor;
    transmit(message);
  }

  function transmit(message) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  }

  addEventListener("online", connectNow);
  function connectNow() {
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) connect();
  }

  return {
    connect,
    connectNow,
    /** With a placement the engine is asked, as a decision is; without, it listens. */
    subscribe(name, placement) {
      const topic = { placement, cursor: undefined, asked: false };
      topics.set(name, topic);
      sendSubscribe(name, topic);
    },
    unsubscribe(name) {
      if (topics.delete(name)) transmit({ op: "unsubscribe", topic: name });
    },
    /** @param {{ trackingCode: string, outcome: string, reason?: string, until?: number }} outcome */
    report(outcome) {
      const id = `${outcome.trackingCode} ${outcome.outcome}`;
      const message = { op: "outcome", id, ...outcome };
      unacknowledged.set(id, message);
      if (isLive) transmit(message);
    },
  };
}
