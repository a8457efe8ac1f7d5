// What this folder needs of observe/: narrow, so that the tests of the outside do not need a registry.
import type { Log as EngineLog } from "../observe/log.ts";

export type Log = Pick<EngineLog, "warn" | "error">;

export interface DeliverMetrics {
  /** `operation` is the operationId of a route, or `live-ask` for a screen that asks: a bounded set. */
  readonly onRequest: (operation: string, status: number, seconds: number) => void;
  readonly onWebsocketConnections: (open: number) => void;
  readonly onWebsocketDropped: (reason: WebsocketDrop) => void;
  readonly onDelivery: (channel: string, result: DeliveryResult, count: number) => void;
}

/** Why a connection was closed by the engine, or a frame of the feed left out. Closed set: metric labels. */
export type WebsocketDrop =
  | "slow"
  | "bad-message"
  | "too-many-messages"
  | "draining"
  | "feed-rate"
  | "frames-lost"
  | "no-connect"
  | "unauthorized"
  | "forbidden"
  | "unavailable";
/** `retried`: an attempt that failed; all others are the end of a message, and why it was not sent. Closed set: metric labels. */
export type DeliveryResult = "delivered" | "retried" | "late" | "withdrawn" | "quiet" | "refused";

/** What GET /metrics answers. */
export interface Exposition {
  readonly scrape: (accept: string | undefined) => Promise<{ readonly contentType: string; readonly text: string }>;
}
