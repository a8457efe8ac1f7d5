// The end of a connection to the simulated Redis that a process holds: what it has asked, and what it is told.
import { type Argument, type RedisConnection, RedisTrouble, type Reply } from "../../engine/journal/redis.ts";
import { type Answer, SimpleError, Status } from "./database.ts";
import type { Waiting } from "./redis-server.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

export interface Request {
  readonly args: readonly string[];
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** Requests that were sent at one instant. */
export interface Parcel {
  readonly sentAt: number;
  readonly requests: Request[];
}

export interface Line {
  readonly id: number;
  readonly process: SimulatedProcess;
  readonly listeners: ((why: string) => void)[];
  readonly pending: Request[];
  isClosed: boolean;
  /** Of the far end: nothing arrives there any more. */
  isSevered: boolean;
  parcel: Parcel | undefined;
  arrivesAt: number;
  repliesAt: number;
  answered: number;
  /** Sent behind a read that waits. */
  backlog: Request[];
  waiting: { readonly waiting: Waiting; readonly request: Request } | undefined;
  slowMs: number;
}

export function newLine(id: number, process: SimulatedProcess, nowMs: number): Line {
  return {
    id,
    process,
    listeners: [],
    pending: [],
    isClosed: false,
    isSevered: false,
    parcel: undefined,
    arrivesAt: nowMs,
    repliesAt: nowMs,
    answered: 0,
    backlog: [],
    waiting: undefined,
    slowMs: 0,
  };
}

export function settle(line: Line, request: Request, answer: Answer | SimpleError): void {
  if (line.isClosed) return;
  line.pending.shift();
  line.answered++;
  if (answer instanceof SimpleError) request.reject(answer);
  else request.resolve(toReply(answer));
}

/** As the real connection does: four looks in a row at which something was asked and nothing answered. */
export function watchSilence(line: Line, silenceMs: number, close: (why: string) => void): () => void {
  let before = 0;
  let silent = 0;
  const watching = setInterval(() => {
    silent = line.pending.length > 0 && line.answered === before ? silent + 1 : 0;
    before = line.answered;
    if (silent >= 4) close(`no answer for ${silenceMs} ms`);
  }, silenceMs / 4);
  return () => clearInterval(watching);
}

export function connectionOf(
  line: Line,
  send: (request: Request) => void,
  close: (why: string) => void,
): RedisConnection {
  const command = (args: readonly Argument[]): Promise<Reply> =>
    new Promise((resolve, reject) => {
      if (line.isClosed) reject(new RedisTrouble("the connection to Redis is closed"));
      else send({ args: args.map(toText), resolve, reject });
    });
  return {
    command,
    script: async (script, keys, args) => {
      const rest = [String(keys.length), ...keys, ...args];
      try {
        return await command(["EVALSHA", script.sha1, ...rest]);
      } catch (error) {
        if (!(error instanceof SimpleError) || !error.message.startsWith("NOSCRIPT")) throw error;
        return await command(["EVAL", script.source, ...rest]);
      }
    },
    isClosed: () => line.isClosed,
    onClosed: (listener) => void line.listeners.push((why) => listener(why, () => true)),
    close: () => close("closed by the engine"),
  };
}

function toText(arg: Argument): string {
  return (typeof arg === "string" ? Buffer.from(arg, "utf8") : arg).toString("latin1");
}

function toReply(answer: Answer): Reply {
  if (typeof answer === "string") return Buffer.from(answer, "latin1");
  if (answer === null || typeof answer === "number") return answer;
  return answer instanceof Status ? answer.text : answer.map(toReply);
}
