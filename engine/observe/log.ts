import { pino } from "pino";
import type { LogLevel } from "../config.ts";

type Value = string | number | boolean | null | undefined | readonly string[];

/** Fields of a line that anybody may read: the names under which customers go are refused by the compiler, too. */
export type PublicFields = Readonly<Record<string, Value>> & { readonly [Name in CustomerField]?: never };
export type PrivateFields = Readonly<Record<string, Value>>;

/** Under these names customers go; above debug they are cut from a line even where a cast let them through. */
const CUSTOMER_FIELDS = ["key", "customer", "customerKey", "customerId", "anonymousId"] as const;
type CustomerField = (typeof CUSTOMER_FIELDS)[number];

/** Messages: lower case, what happened; what belongs to them as fields. */
export interface Log {
  readonly debug: (message: string, fields?: PrivateFields) => void;
  readonly info: (message: string, fields?: PublicFields) => void;
  readonly warn: (message: string, fields?: PublicFields) => void;
  readonly error: (message: string, fields?: PublicFields) => void;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Plain lines for a person at a terminal, else one JSON object a line. */
  readonly readable: boolean;
  /** Number of the worker that writes, in every line; left out where there is one process. */
  readonly worker?: number;
  readonly write: (line: string) => void;
}

export function createLog(options: LogOptions): Log {
  const write = options.readable ? (line: string) => options.write(readableLine(line)) : options.write;
  const base = options.worker === undefined ? null : { worker: options.worker };
  const logger = pino({ level: options.level, base, timestamp: pino.stdTimeFunctions.isoTime }, { write });
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(withoutCustomers(fields), message),
    warn: (message, fields) => logger.warn(withoutCustomers(fields), message),
    error: (message, fields) => logger.error(withoutCustomers(fields), message),
  };
}

function withoutCustomers(fields: PublicFields | undefined): PrivateFields {
  if (fields === undefined || !CUSTOMER_FIELDS.some((name) => name in fields)) return fields ?? {};
  const hidden: readonly string[] = CUSTOMER_FIELDS;
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !hidden.includes(name)));
}

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  10: "trace",
  20: "debug",
  30: "info",
  40: "WARN",
  50: "ERROR",
  60: "FATAL",
};

/** `14:03:22.118 info  listening  url=http://127.0.0.1:8080` */
function readableLine(json: string): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`);
  const name = (LEVEL_NAMES[Number(level)] ?? "").padEnd(5);
  return `${[`${clock} ${name} ${String(msg)}`, ...rest].join("  ")}\n`;
}

function shown(value: unknown): string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value) ? value : JSON.stringify(value);
}
