// A Redis of one process: executes commands and scripts, each as a whole, remembers what was written, and may be started
// anew without the last of it, as after a failover. It knows no time and no network but what it is told.
import { createHash } from "node:crypto";
import { type Answer, createDatabase, type Database, SimpleError } from "./database.ts";
import { runLua } from "./lua-scripts.ts";
import { type Command, PLAIN_COMMANDS } from "./plain-commands.ts";
import { SORTED_SET_COMMANDS } from "./sorted-set-commands.ts";
import { STREAM_COMMANDS } from "./stream-commands.ts";
import { parseRead, readNow, type StreamRead } from "./stream-reads.ts";

/** Of one command or script. */
export interface Executed {
  readonly args: readonly string[];
  /** Of a script that ran. */
  readonly script:
    | { readonly source: string; readonly keys: readonly string[]; readonly args: readonly string[] }
    | undefined;
  readonly answer: Answer | SimpleError;
  /** What it wrote, in order. */
  readonly written: readonly (readonly string[])[];
}

/** A read that waits until one of its streams has something. */
export interface Waiting {
  readonly kind: "waiting";
  readonly read: StreamRead;
}

export interface RedisServer {
  readonly db: Database;
  /** Throws nothing: errors of the server are answers. */
  readonly execute: (args: readonly string[], nowMs: number) => Answer | SimpleError | Waiting;
  /** What a waiting read gets now; null: nothing yet. */
  readonly look: (read: StreamRead, nowMs: number) => Answer;
  /** Started anew without the last `units` of what was written; its scripts are forgotten. */
  readonly restart: (units: number) => void;
  /** How many units were ever written, less those that were lost. */
  readonly units: () => number;
  readonly onExecuted: (listener: (executed: Executed) => void) => void;
}

export interface RedisServerOptions {
  /** What is run for a script's source: a broken build runs another. */
  readonly rewrite: (source: string) => string;
  readonly runId: () => string;
  /** Of a script's source: is one server given it for keys of several slots at once? What a cluster is given has one. */
  readonly maySpan?: (source: string) => boolean;
}

const COMMANDS: Readonly<Record<string, Command>> = { ...PLAIN_COMMANDS, ...SORTED_SET_COMMANDS, ...STREAM_COMMANDS };

/** What a command is given first is not always a key. */
const WITH_SUBCOMMAND: ReadonlySet<string> = new Set(["XINFO", "XGROUP"]);

export function createRedisServer(options: RedisServerOptions): RedisServer {
  const db = createDatabase();
  const scripts = new Map<string, string>();
  const listeners: ((executed: Executed) => void)[] = [];
  let log: (readonly (readonly string[])[])[] = [];
  let runId = options.runId();

  const plain = (args: readonly string[]): Answer => {
    const name = args[0]?.toUpperCase() ?? "";
    if (name === "INFO") return `# Server\r\nredis_version:7.0.0\r\nrun_id:${runId}\r\nmaster_replid:${runId}\r\n`;
    const command = COMMANDS[name];
    if (command === undefined)
      throw new SimpleError(`ERR unknown command '${args[0]}' (the simulation has no such one)`);
    return command(db, args);
  };
  const runScript = (
    source: string,
    [, , count, ...rest]: readonly string[],
    note: (e: Executed["script"]) => void,
  ): Answer => {
    const keys = rest.slice(0, Number(count));
    const args = rest.slice(Number(count));
    if (options.maySpan?.(source) !== true) oneSlot(keys);
    note({ source, keys, args });
    return runLua(options.rewrite(source), keys, args, (inner) => {
      const touched = inner[WITH_SUBCOMMAND.has(inner[0] ?? "") ? 2 : 1];
      const isKeyed = touched !== undefined && inner[0] !== "TIME";
      if (isKeyed && !keys.includes(touched))
        throw new SimpleError(`ERR script touches the undeclared key '${touched}'`);
      return plain(inner);
    });
  };
  const evaluate = (args: readonly string[], note: (e: Executed["script"]) => void): Answer => {
    const isByHash = args[0]?.toUpperCase() === "EVALSHA";
    const source = isByHash ? scripts.get(args[1] as string) : (args[1] as string);
    if (source === undefined) throw new SimpleError("NOSCRIPT No matching script. Please use EVAL.");
    if (!isByHash) scripts.set(createHash("sha1").update(source, "latin1").digest("hex"), source);
    return runScript(source, args, note);
  };
  const execute: RedisServer["execute"] = (args, nowMs) => {
    db.now = nowMs;
    db.written = [];
    let script: Executed["script"];
    let answer: Answer | SimpleError;
    try {
      const name = args[0]?.toUpperCase();
      if (name === "XREAD") {
        const read = parseRead(db, args);
        const found = readNow(db, read);
        if (found === null && read.blockMs !== undefined) return { kind: "waiting", read };
        return found;
      }
      const isScript = name === "EVAL" || name === "EVALSHA";
      answer = isScript ? evaluate(args, (run) => (script = run)) : plain(args);
    } catch (error) {
      if (!(error instanceof SimpleError)) throw error;
      answer = error;
    }
    const { written } = db;
    if (written.length > 0) log.push(written);
    for (const listener of listeners) listener({ args, script, answer, written });
    return answer;
  };
  return {
    db,
    execute,
    look: (read, nowMs) => {
      db.now = nowMs;
      return readNow(db, read);
    },
    restart: (units) => {
      log = log.slice(0, Math.max(0, log.length - units));
      db.values.clear();
      db.expiries.clear();
      db.written = [];
      for (const unit of log) for (const args of unit) plain(args);
      db.written = [];
      scripts.clear();
      runId = options.runId();
    },
    units: () => log.length,
    onExecuted: (listener) => void listeners.push(listener),
  };
}

function oneSlot(keys: readonly string[]): void {
  const slots = new Set(keys.map((key) => /\{([^}]+)\}/.exec(key)?.[1] ?? key));
  if (slots.size > 1) throw new SimpleError(`CROSSSLOT Keys in request don't hash to the same slot: ${keys.join(" ")}`);
}
