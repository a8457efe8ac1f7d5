// What this folder needs of observe/: narrow, so that the tests of the outside do not need a registry.

export interface Log {
  readonly warn: (message: string, fields?: LogFields) => void;
  readonly error: (message: string, fields?: LogFields) => void;
}

/** Never a customer: these lines are above debug. */
export type LogFields = Readonly<Record<string, string | number | undefined>>;

export interface DeliverMetrics {
  /** `operation` is the operationId of a route: a bounded set. */
  readonly onRequest: (operation: string, status: number, seconds: number) => void;
  readonly onWebsocketConnections: (open: number) => void;
  readonly onWebsocketDropped: (reason: WebsocketDrop) => void;
  readonly onDelivery: (channel: string, result: DeliveryResult, count: number) => void;
}

/** Why a connection was closed by the engine, or a frame of the feed left out. Closed set: metric labels. */
export type WebsocketDrop = "slow" | "bad-message" | "too-many-messages" | "draining" | "feed-rate";
export type DeliveryResult = "delivered" | "retried";

/** What GET /metrics answers. */
export interface Exposition {
  readonly scrape: (accept: string | undefined) => Promise<{ readonly contentType: string; readonly text: string }>;
}
