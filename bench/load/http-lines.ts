// HTTP over connections that stay open, one request at a time on each, with as little work as a sender can have: where load
// and engine share the cores, whatever the sender costs is taken from what is measured.
import { connect, type Socket } from "node:net";

export interface HttpAnswer {
  readonly status: number;
  /** One character a byte. */
  readonly body: string;
  /** When a connection was free for the request, by performance.now(). */
  readonly sentAt: number;
}

export interface HttpLines {
  /** Waits for a free connection. Rejects where the connection ends before the answer has come. `body`: ASCII. */
  readonly post: (path: string, body: string) => Promise<HttpAnswer>;
  /** Once everything is answered. */
  readonly close: () => void;
}

interface Waiting {
  readonly request: string;
  readonly resolve: (answer: HttpAnswer) => void;
  readonly reject: (error: Error) => void;
}

interface Line {
  readonly socket: Socket;
  asked: Waiting | undefined;
  sentAt: number;
  heard: string;
  /** By performance.now(). */
  freeSince: number;
}

/** The engine closes what is idle for 10 s. */
const IDLE_MS_MAX = 5_000;
/** Of those that were asked for so many stay in the queue before they are cut off at once. */
const QUEUE_KEPT = 1_024;

/** At most `linesMax` connections, opened when they are needed. Answers must have a content-length, as the engine's do. */
export function createHttpLines(url: string, linesMax: number): HttpLines {
  const { hostname, port, host } = new URL(url);
  const lines = new Set<Line>();
  const free: Line[] = [];
  const queue: Waiting[] = [];
  let first = 0;

  const ask = (line: Line, waiting: Waiting): void => {
    line.asked = waiting;
    line.sentAt = performance.now();
    line.heard = "";
    line.socket.write(waiting.request, "latin1");
  };
  const next = (line: Line): void => {
    const waiting = queue[first];
    if (waiting === undefined) {
      line.freeSince = performance.now();
      free.push(line);
      return;
    }
    first++;
    if (first === QUEUE_KEPT) {
      queue.splice(0, first);
      first = 0;
    }
    ask(line, waiting);
  };
  /** One that was idle for long may be closed by the other side at this moment: it is given up instead. */
  const takeFree = (): Line | undefined => {
    for (let line = free.pop(); line !== undefined; line = free.pop()) {
      if (lines.has(line) && performance.now() - line.freeSince < IDLE_MS_MAX) return line;
      lines.delete(line);
      line.socket.destroy();
    }
    return undefined;
  };
  const open = (): Line => {
    const line: Line = {
      socket: connect({ host: hostname, port: Number(port), noDelay: true }),
      asked: undefined,
      sentAt: 0,
      heard: "",
      freeSince: 0,
    };
    const end = (error: Error): void => {
      lines.delete(line);
      line.asked?.reject(error);
      line.asked = undefined;
    };
    line.socket.on("data", (chunk: Buffer) => {
      line.heard += chunk.toString("latin1");
      const answer = answerIn(line.heard);
      const { asked } = line;
      if (answer === undefined || asked === undefined) return;
      const { sentAt } = line;
      line.asked = undefined;
      next(line);
      asked.resolve({ ...answer, sentAt });
    });
    line.socket.on("error", end);
    line.socket.on("close", () => end(new Error(`${url} closed a connection before it had answered`)));
    lines.add(line);
    return line;
  };

  return {
    post: (path, body) =>
      new Promise((resolve, reject) => {
        const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
        const waiting = { request: `${head}\r\n\r\n${body}`, resolve, reject };
        const line = takeFree() ?? (lines.size < linesMax ? open() : undefined);
        if (line === undefined) queue.push(waiting);
        else ask(line, waiting);
      }),
    close: () => {
      for (const { socket } of lines) socket.destroy();
    },
  };
}

/** Undefined: it has not come whole yet. */
function answerIn(heard: string): Omit<HttpAnswer, "sentAt"> | undefined {
  const headEnd = heard.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const length = /\r\ncontent-length: *(\d+)/i.exec(heard)?.[1];
  if (length === undefined) throw new Error(`an answer without a content-length: ${heard.slice(0, headEnd)}`);
  const begins = headEnd + 4;
  if (heard.length < begins + Number(length)) return undefined;
  return { status: Number(heard.slice(9, 12)), body: heard.slice(begins) };
}
