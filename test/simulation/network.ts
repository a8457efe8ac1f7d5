// Connections between simulated processes and the simulated Redis: what is sent at one instant travels together, order is
// kept on each connection and nowhere else, and any part of the way may fail.
import { type RedisConnection, RedisTrouble } from "../../engine/journal/redis.ts";
import { type Answer, SimpleError, Status } from "./database.ts";
import { ACQUIRE } from "./observer.ts";
import type { RedisServer, Waiting } from "./redis-server.ts";
import {
  connectionOf,
  type Line,
  newLine,
  type Parcel,
  type Request,
  settle,
  watchSilence,
} from "./simulated-connection.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** What becomes of what was sent at one instant. */
export type Fate =
  | { readonly kind: "arrives" }
  /** The connection ends; only this share of the requests arrives, [0, 1). */
  | { readonly kind: "cut"; readonly share: number }
  /** All arrive and are executed; the connection ends after this share of the replies. */
  | { readonly kind: "unanswered"; readonly share: number }
  /**
   * The sender learns at once that the connection is lost; the requests arrive so much later, or right after somebody has taken the
   * partition that they write to: nothing but the fence holds them then.
   */
  | { readonly kind: "late"; readonly lateMs: number; readonly untilTaken: boolean }
  /** The replies take so much longer. */
  | { readonly kind: "slow"; readonly slowMs: number };

export interface NetworkOptions {
  readonly delayMs: () => number;
  /** `isCommit`: what is sent begins with a commit. */
  readonly fate: (isCommit: boolean) => Fate;
  /** Told before anything is sent; the process may be dead or paused afterwards. */
  readonly onSend: (process: SimulatedProcess) => void;
  /** What Redis' own clock is off by, in ms. */
  readonly serverSkewMs: () => number;
}

export interface Network {
  /** One attempt; a command without an answer for `silenceMs` ends the connection. */
  readonly connect: (process: SimulatedProcess, silenceMs: number) => Promise<RedisConnection>;
  /** Redis is gone: all connections end, and none can be made until it is back. */
  readonly stopServer: () => void;
  readonly startServer: () => void;
}

export function createNetwork(world: World, server: RedisServer, options: NetworkOptions): Network {
  const lines = new Set<Line>();
  let isUp = true;
  let opened = 0;

  /** What comes when its partition is taken, at the latest when it is late enough. */
  const held = new Set<{ readonly partition: string; readonly come: () => void }>();
  server.onExecuted(({ script, answer }) => {
    if (script?.source !== ACQUIRE || !Array.isArray(answer) || answer[0] !== "ACQUIRED") return;
    for (const { partition, come } of held) if (partition === partitionIn(script.keys[0])) world.after(0, come);
  });

  const shut = (line: Line, why: string): void => {
    if (line.isClosed) return;
    line.isClosed = true;
    for (const { reject } of line.pending.splice(0)) reject(new RedisTrouble(why));
    for (const listener of line.listeners) listener(why);
  };
  const sever = (line: Line, why: string): void => {
    line.isSevered = true;
    line.waiting = undefined;
    lines.delete(line);
    world.after(options.delayMs(), () => line.process.enter(() => shut(line, why)));
  };
  const reply = (line: Line, answers: readonly (readonly [Request, Answer | SimpleError])[]): void => {
    line.repliesAt = Math.max(line.repliesAt, world.now() + options.delayMs() + line.slowMs);
    line.slowMs = 0;
    world.after(line.repliesAt - world.now(), () => {
      if (line.isSevered) return;
      line.process.enter(() => {
        for (const [request, answer] of answers) settle(line, request, answer);
      });
    });
  };
  /** What is answered at once of these requests, in order; behind a read that waits the rest waits too. */
  const execute = (line: Line, requests: readonly Request[]): (readonly [Request, Answer | SimpleError])[] => {
    const answers: (readonly [Request, Answer | SimpleError])[] = [];
    for (const [at, request] of requests.entries()) {
      const isOfConnection = request.args[0] === "CLIENT";
      const nowMs = world.now() + options.serverSkewMs();
      const answer = isOfConnection ? client(line, request.args) : server.execute(request.args, nowMs);
      world.note(`${line.process.name} ${request.args[0]} ${request.args[3] ?? ""} ${sizeOf(answer)}`);
      if (!isWaiting(answer)) answers.push([request, answer]);
      else {
        const place = { waiting: answer, request };
        line.waiting = place;
        line.backlog = requests.slice(at + 1);
        if (answer.read.blockMs) world.after(answer.read.blockMs, () => goOn(line, place, true));
        break;
      }
    }
    return answers;
  };
  const client = (line: Line, [, what, id]: readonly string[]): Answer => {
    if (what === "ID") return line.id;
    const other = [...lines].find((each) => String(each.id) === id);
    if (what !== "UNBLOCK") throw new Error(`the simulation has no CLIENT ${what}`);
    if (other?.waiting === undefined) return 0;
    goOn(other, other.waiting, true);
    return 1;
  };
  const goOn = (line: Line, place: Line["waiting"], isOver: boolean): void => {
    if (place === undefined || line.waiting !== place) return;
    const answer = server.look(place.waiting.read, world.now() + options.serverSkewMs());
    if (answer === null && !isOver) return;
    line.waiting = undefined;
    reply(line, [[place.request, answer], ...execute(line, line.backlog.splice(0))]);
  };
  server.onExecuted(({ written }) => {
    const streams = new Set(written.flatMap(([name, key = ""]) => (name === "XADD" ? [key] : [])));
    if (streams.size === 0) return;
    for (const line of lines) {
      const place = line.waiting;
      if (!place?.waiting.read.from.some(([key]) => streams.has(key))) continue;
      world.after(0, () => goOn(line, place, false));
    }
  });
  const arrive = (line: Line, { requests }: Parcel, fate: Fate): void => {
    if (line.isSevered) return;
    const done = fate.kind === "cut" ? requests.slice(0, fate.share * requests.length) : requests;
    if (line.waiting !== undefined) line.backlog.push(...done);
    else {
      if (fate.kind === "slow") line.slowMs = fate.slowMs;
      const answers = execute(line, done);
      const told =
        fate.kind === "cut" ? [] : fate.kind === "unanswered" ? answers.slice(0, fate.share * answers.length) : answers;
      if (told.length > 0) reply(line, told);
    }
    if (fate.kind === "late") line.isSevered = true;
    if (fate.kind !== "cut" && fate.kind !== "unanswered") return;
    sever(line, "the connection was cut");
  };
  const send = (line: Line, request: Request): void => {
    line.pending.push(request);
    const { parcel } = line;
    if (parcel !== undefined && parcel.sentAt === world.now()) {
      parcel.requests.push(request);
      return;
    }
    const next: Parcel = { sentAt: world.now(), requests: [request] };
    line.parcel = next;
    const fate = options.fate(request.args[3]?.endsWith(":checkpoint") === true);
    line.arrivesAt = Math.max(line.arrivesAt, world.now() + options.delayMs());
    if (fate.kind === "late") {
      line.arrivesAt += fate.lateMs;
      world.after(0, () => line.process.enter(() => shut(line, "the connection was lost")));
    }
    const one = {
      partition: partitionIn(request.args[3]),
      come: () => void (held.delete(one) && arrive(line, next, fate)),
    };
    if (fate.kind === "late" && fate.untilTaken && one.partition !== "") held.add(one);
    world.after(line.arrivesAt - world.now(), held.has(one) ? one.come : () => arrive(line, next, fate));
  };
  return {
    connect: async (process, silenceMs) => {
      await new Promise<void>((resolve) => world.after(options.delayMs(), () => process.enter(resolve)));
      if (!isUp) throw new RedisTrouble("nothing listens there");
      const line = newLine(++opened, process, world.now());
      lines.add(line);
      process.onKilled(() => {
        line.isClosed = true;
        // What was sent is on its way still; where nothing is, the far end learns of it.
        world.after(options.delayMs() * 2, () => {
          line.isSevered = true;
          lines.delete(line);
        });
      });
      const close = (why: string): void => {
        shut(line, why);
        world.after(Math.max(0, line.arrivesAt - world.now()) + options.delayMs(), () => {
          line.isSevered = true;
          lines.delete(line);
        });
      };
      const stopWatching = watchSilence(line, silenceMs, close);
      line.listeners.push(stopWatching);
      return connectionOf(
        line,
        (request) => {
          options.onSend(process);
          if (process.state() === "dead") return;
          send(line, request);
        },
        close,
      );
    },
    stopServer: () => {
      isUp = false;
      for (const line of [...lines]) sever(line, "Redis ended the connection");
    },
    startServer: () => {
      isUp = true;
    },
  };
}

/** Of `nba:{3}:lease`; empty where a key is of no partition. */
function partitionIn(key: string | undefined): string {
  return /^nba:\{(\d+)\}/.exec(key ?? "")?.[1] ?? "";
}

function isWaiting(answer: Answer | SimpleError | Waiting): answer is Waiting {
  return typeof answer === "object" && answer !== null && "kind" in answer;
}

function sizeOf(answer: Answer | SimpleError | Waiting): string {
  if (answer instanceof SimpleError) return answer.message;
  if (answer instanceof Status) return answer.text;
  if (answer === null) return "null";
  if (typeof answer === "number" || typeof answer === "string") return String(answer);
  return "kind" in answer ? "waits" : String(answer.length);
}
