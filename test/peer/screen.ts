// A screen that follows one customer, wherever it can: its socket goes, it opens another one at any engine with its cursor.
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "undici";

export interface Screen {
  readonly customer: string;
  /** Of the first snapshot: everything after it has to be shown. */
  readonly from: () => number | undefined;
  /** `<op> <tracking code>` of every frame, in the order in which they came. */
  readonly shown: readonly string[];
  readonly cursors: readonly string[];
  /** More than one: it was not told what it had missed, but shown everything afresh. */
  readonly snapshots: () => number;
  readonly visits: () => number;
  /** Closes the socket that is open; it comes back elsewhere. */
  readonly move: () => void;
  readonly close: () => Promise<void>;
}

interface Frame {
  readonly op: string;
  readonly cursor?: string;
  readonly trackingCode?: string;
  readonly decision?: { readonly trackingCode: string };
}

export function openScreen(customer: string, pick: () => string | undefined): Screen {
  const topic = `customer/${customer}`;
  const shown: string[] = [];
  const cursors: string[] = [];
  const state = {
    since: undefined as string | undefined,
    from: undefined as number | undefined,
    snapshots: 0,
    visits: 0,
  };
  let isClosed = false;
  let socket: WebSocket | undefined;

  const take = (frame: Frame): void => {
    if (frame.op === "error") {
      socket?.close();
      return;
    }
    if (frame.cursor !== undefined) state.since = frame.cursor;
    if (frame.op === "snapshot") {
      state.snapshots++;
      state.from ??= Number(frame.cursor);
    } else if (frame.op === "nba" || frame.op === "withdraw") {
      shown.push(`${frame.op} ${frame.trackingCode ?? frame.decision?.trackingCode}`);
      cursors.push(frame.cursor as string);
    }
  };

  const visit = async (url: string): Promise<void> => {
    const opened = new WebSocket(`${url.replace("http", "ws")}/v1/live`, "nba.v1.json");
    socket = opened;
    const { since } = state;
    opened.addEventListener("open", () => {
      state.visits++;
      opened.send(JSON.stringify({ op: "subscribe", topic, ...(since === undefined ? {} : { since }) }));
    });
    opened.addEventListener("message", ({ data }) => take(JSON.parse(data as string) as Frame));
    opened.addEventListener("error", () => undefined); // a close follows
    await new Promise<void>((resolve) => opened.addEventListener("close", () => resolve()));
  };

  const running = (async () => {
    while (!isClosed) {
      const url = pick();
      if (url !== undefined) await visit(url);
      await sleep(20);
    }
  })();

  return {
    customer,
    from: () => state.from,
    shown,
    cursors,
    snapshots: () => state.snapshots,
    visits: () => state.visits,
    move: () => socket?.close(),
    close: async () => {
      isClosed = true;
      socket?.close();
      await running;
    },
  };
}
