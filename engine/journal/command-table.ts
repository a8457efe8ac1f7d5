// Every command that the engine sends, and where its keys are: what a cluster needs to route it, and an ACL user to be
// allowed it. Closed on purpose: a command that is not here is a bug, not a guess.
import type { Argument } from "./redis.ts";

/** `write`: it changes what is kept under its keys. `node`: it has no key, and means the server that answers. */
export type CommandKind = "read" | "write" | "node";

interface Shape {
  readonly kind: CommandKind;
  readonly keys: (args: readonly Argument[]) => readonly Argument[];
  /** As an ACL rule names it, where that is not the command alone. */
  readonly acl?: string;
}

const first = (args: readonly Argument[]): readonly Argument[] => args.slice(1, 2);
const rest = (args: readonly Argument[]): readonly Argument[] => args.slice(1);
const none = (): readonly Argument[] => [];
const second = (args: readonly Argument[]): readonly Argument[] => args.slice(2, 3);
const counted = (args: readonly Argument[]): readonly Argument[] => args.slice(3, 3 + Number(args[2]));
/** STREAMS key ... position ... */
const streams = (args: readonly Argument[]): readonly Argument[] => {
  const named = args.slice(args.indexOf("STREAMS") + 1);
  return named.slice(0, named.length / 2);
};
const read: Shape = { kind: "read", keys: first };
const write: Shape = { kind: "write", keys: first };
const node: Shape = { kind: "node", keys: none };

const COMMANDS: Readonly<Record<string, Shape>> = {
  DEL: { kind: "write", keys: rest },
  EVAL: { kind: "write", keys: counted },
  EVALSHA: { kind: "write", keys: counted },
  EXISTS: read,
  GET: read,
  GETDEL: write,
  HDEL: write,
  HGET: read,
  HGETALL: read,
  HMGET: read,
  HSCAN: read,
  HSET: write,
  HSETNX: write,
  MEMORY: { kind: "read", keys: second, acl: "memory|usage" },
  MGET: { kind: "read", keys: rest },
  PEXPIRE: write,
  SET: write,
  XADD: write,
  XDEL: write,
  XINFO: { kind: "read", keys: second, acl: "xinfo|stream" },
  XLEN: read,
  XRANGE: read,
  XREAD: { kind: "read", keys: streams },
  XREVRANGE: read,
  XTRIM: write,
  ZCARD: read,
  ZMSCORE: read,
  ZRANGE: read,
  ZRANGEBYSCORE: read,
  ZSCAN: read,
  BGREWRITEAOF: node,
  BGSAVE: node,
  INFO: node,
  PING: node,
  SCAN: node,
  WAIT: node,
};

/** Commands whose second word counts. */
const TWO_WORDS: Readonly<Record<string, Shape>> = {
  "CLIENT ID": { ...node, acl: "client|id" },
  "CLIENT UNBLOCK": { ...node, acl: "client|unblock" },
  "CLUSTER NODES": { ...node, acl: "cluster|nodes" },
  "CLUSTER SLOTS": { ...node, acl: "cluster|slots" },
  "CONFIG GET": node,
};

/** Asked for where it is allowed, and not granted: it would tell the server's passwords, too. */
const NOT_GRANTED: ReadonlySet<string> = new Set(["CONFIG GET"]);

/** What only the scripts send, from within. */
const IN_SCRIPTS = [
  "rename",
  "setrange",
  "time",
  "type",
  "xclaim",
  "xgroup|create",
  "xgroup|createconsumer",
  "xgroup|destroy",
  "xinfo|consumers",
  "xinfo|groups",
  "xpending",
  "xsetid",
  "zadd",
  "zrem",
  "zscore",
] as const;

/** Sent by the client itself, or to follow a slot that is being moved. */
const OF_THE_CONNECTION = ["asking", "auth", "hello"] as const;

/** Throws where the table has no such command. */
export function shapeOf(args: readonly Argument[]): Pick<Shape, "kind" | "keys"> {
  const shape = COMMANDS[String(args[0])] ?? TWO_WORDS[`${args[0]} ${args[1]}`];
  if (shape === undefined) throw new Error(`engine/journal/command-table.ts has no command "${args[0]}"`);
  return shape;
}

/** As an ACL names them, sorted. */
export function commandNames(): readonly string[] {
  const named = [...Object.entries(COMMANDS), ...Object.entries(TWO_WORDS)];
  const granted = named.filter(([name]) => !NOT_GRANTED.has(name));
  const names = granted.map(([name, { acl }]) => acl ?? name.toLowerCase());
  return [...names, ...IN_SCRIPTS, ...OF_THE_CONNECTION].sort();
}
