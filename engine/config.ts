// Every option once, as a value: name, what it takes, default, prose. The parser, `nba start --help` and the table of
// the README are made from this list.
import { isIP } from "node:net";
import { parseRetention, RETENTION_DEFAULT, type Retention } from "./retain/retention.ts";

export interface Config {
  /** redis://, rediss:// or unix:///path; undefined: the engine starts its own. */
  readonly redisUrl: string | undefined;
  readonly port: number;
  readonly host: string;
  readonly partitions: number;
  readonly rulesDir: string;
  readonly modelsDir: string;
  /** Where the engine's own Redis keeps its files. */
  readonly stateDir: string;
  readonly leaseMs: number;
  readonly auth: "off";
  readonly profilesMax: number;
  readonly retention: Retention;
  /** Undefined: what retention lets go is gone. */
  readonly archiveDir: string | undefined;
  readonly logLevel: LogLevel;
}

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface ConfigFault {
  readonly option: string;
  /** One line: what was given, what would be right. */
  readonly message: string;
}

export type ParsedConfig =
  | { readonly kind: "config"; readonly config: Config }
  | { readonly kind: "faulty"; readonly faults: readonly ConfigFault[] };

type Environment = Readonly<Record<string, string | undefined>>;
type Checked<T> = { readonly value: T } | { readonly fault: string };

interface Option<T> {
  readonly name: string;
  /** What it takes, for people. */
  readonly takes: string;
  /** As it would be written; undefined: unset is a choice of its own. */
  readonly default: string | undefined;
  readonly about: string;
  readonly parse: (text: string) => Checked<T>;
}

export const OPTIONS = {
  redisUrl: option({
    name: "REDIS_URL",
    takes: "`redis://`, `rediss://` or `unix:///path`",
    default: undefined,
    about:
      "The Redis that holds the logs, the journal and the profiles. Unset: the engine starts its own and stops it.",
    parse: parseRedisUrl,
  }),
  port: option({
    name: "PORT",
    takes: "0 to 65535",
    default: "8080",
    about: "HTTP and WebSocket. 0: any free port, printed at start.",
    parse: wholeNumber(0, 65_535),
  }),
  host: option({
    name: "HOST",
    takes: "address or host name",
    default: "127.0.0.1",
    about: "Where to listen. While `AUTH` is `off` only a loopback address is taken.",
    parse: parseHost,
  }),
  partitions: option({
    name: "PARTITIONS",
    takes: "1 to 4096",
    default: "64",
    about: "Number of input logs. Fixed once a Redis holds data: another number is refused.",
    parse: wholeNumber(1, 4_096),
  }),
  rulesDir: option({
    name: "RULES_DIR",
    takes: "folder",
    default: "rules",
    about: "The rulebook. A relative path starts at the repository.",
    parse: parsePath,
  }),
  modelsDir: option({
    name: "MODELS_DIR",
    takes: "folder",
    default: "models",
    about: "The ONNX models and their cards. A relative path starts at the repository.",
    parse: parsePath,
  }),
  stateDir: option({
    name: "NBA_STATE_DIR",
    takes: "folder",
    default: ".nba",
    about: "Files of the Redis that the engine starts itself. A relative path starts at the repository.",
    parse: parsePath,
  }),
  leaseMs: option({
    name: "NBA_LEASE_MS",
    takes: "300 to 60000",
    default: "3000",
    about: "How long a partition stays with an engine that was killed; another waits so long before it takes over.",
    parse: wholeNumber(300, 60_000),
  }),
  auth: option({
    name: "AUTH",
    takes: "`off`",
    default: "off",
    about: "Who may call. `off`: anyone who reaches the port, so `HOST` must be a loopback address.",
    parse: parseAuth,
  }),
  profilesMax: option({
    name: "MAX_PROFILES",
    takes: "1000 to 50000000",
    default: "1000000",
    about: "Profiles held in memory, 1 to 3 KiB each; the least recently used ones wait in Redis.",
    parse: wholeNumber(1_000, 50_000_000),
  }),
  retention: option({
    name: "RETENTION",
    takes: "times and bytes, such as `30d,log=3d,4GiB`",
    default: RETENTION_DEFAULT,
    about:
      "How long decisions and, after `log=`, input logs are kept in Redis, and how many bytes both may have there together; beyond them the oldest goes sooner. What is still needed never goes.",
    parse: parseRetention,
  }),
  archiveDir: option({
    name: "ARCHIVE_DIR",
    takes: "folder",
    default: undefined,
    about:
      "Where what retention lets go is written first, for `explain`, `why`, `simulate` and `verify` to read; all engines share it. Unset: it is gone.",
    parse: parsePath,
  }),
  logLevel: option({
    name: "LOG_LEVEL",
    takes: LOG_LEVELS.map((level) => `\`${level}\``).join(", "),
    default: "info",
    about: "Customer ids appear at `debug` and `trace` only.",
    parse: oneOf(LOG_LEVELS),
  }),
} as const satisfies { readonly [Name in keyof Config]: Option<Config[Name]> };

/** Switches of the test suite: not the engine's business, but not unknown either. */
const TEST_SWITCHES: readonly string[] = ["NBA_LONG"];

/** Pure: `env` is what `process.env` holds. An empty value counts as unset. Tells all faults at once. */
export function parseConfig(env: Environment): ParsedConfig {
  const faults = unknownOptions(env);
  const read = <T>(spec: Option<T>, fallback: T): T => {
    const written = env[spec.name];
    const text = written === undefined || written === "" ? spec.default : written;
    if (text === undefined) return fallback;
    const checked = spec.parse(text);
    if ("value" in checked) return checked.value;
    faults.push({ option: spec.name, message: `${spec.name}: ${checked.fault}` });
    return fallback;
  };
  const config: Config = {
    redisUrl: read(OPTIONS.redisUrl, undefined),
    port: read(OPTIONS.port, 0),
    host: read(OPTIONS.host, "127.0.0.1"),
    partitions: read(OPTIONS.partitions, 1),
    rulesDir: read(OPTIONS.rulesDir, ""),
    modelsDir: read(OPTIONS.modelsDir, ""),
    stateDir: read(OPTIONS.stateDir, ""),
    leaseMs: read(OPTIONS.leaseMs, 0),
    auth: read(OPTIONS.auth, "off"),
    profilesMax: read(OPTIONS.profilesMax, 1),
    retention: read(OPTIONS.retention, { journalMs: 0, logMs: 0, bytes: 0 }),
    archiveDir: read(OPTIONS.archiveDir, undefined),
    logLevel: read(OPTIONS.logLevel, "info"),
  };
  if (!isLoopback(config.host) && !faults.some((fault) => fault.option === "AUTH")) {
    faults.push({
      option: "HOST",
      message: `HOST: ${quote(config.host)} is reachable from other machines while AUTH is "off"; use 127.0.0.1, ::1 or localhost`,
    });
  }
  return faults.length === 0 ? { kind: "config", config } : { kind: "faulty", faults };
}

/** 127.0.0.0/8, ::1 and localhost. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** The Markdown table of the README. */
export function optionTable(): string {
  const rows = Object.values(OPTIONS).map((spec) => {
    const standard = spec.default === undefined ? "unset" : `\`${spec.default}\``;
    return `| \`${spec.name}\` | ${spec.takes} | ${standard} | ${spec.about} |`;
  });
  return ["| option | takes | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

/** For --help: one line each, without Markdown. */
export function optionHelp(): string {
  return Object.values(OPTIONS)
    .map((spec) => {
      const about = spec.about.replaceAll("`", "");
      return `  ${spec.name.padEnd(14)} ${about} (default: ${spec.default ?? "unset"})`;
    })
    .join("\n");
}

function option<T>(spec: Option<T>): Option<T> {
  return spec;
}

function unknownOptions(env: Environment): ConfigFault[] {
  const known = Object.values(OPTIONS).map((spec): string => spec.name);
  return Object.keys(env)
    .filter((name) => name.startsWith("NBA_") && !known.includes(name) && !TEST_SWITCHES.includes(name))
    .filter((name) => !isServiceLink(name, env))
    .sort()
    .map((name) => {
      const bare = name.slice("NBA_".length);
      const meant = known.find((candidate) => candidate === bare || candidate === `NBA_${bare}`);
      const hint = meant === undefined ? `there are ${known.join(", ")}` : `did you mean ${meant}?`;
      return { option: name, message: `${name}: no such option; ${hint}` };
    });
}

/** Kubernetes adds these to every container beside a Service called `nba`; nobody wrote them. */
function isServiceLink(name: string, env: Environment): boolean {
  if (env["NBA_SERVICE_HOST"] === undefined) return false;
  return /^NBA_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP)(_(ADDR|PORT|PROTO))?)?)$/.test(name);
}

function parseRedisUrl(text: string): Checked<string> {
  if (text.includes(",")) return { fault: `${quote(withoutPassword(text))} names several servers; name one` };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const wanted = "want redis://host:6379, rediss://host:6379 or unix:///path/to/socket";
  if (url === undefined) return { fault: `${quote(withoutPassword(text))} is not a URL; ${wanted}` };
  if (url.protocol === "unix:") {
    return url.pathname.length > 1 ? { value: text } : { fault: `${quote(text)} names no socket; ${wanted}` };
  }
  if (url.protocol !== "redis:" && url.protocol !== "rediss:")
    return { fault: `${quote(url.protocol)} is no way to reach Redis; ${wanted}` };
  return url.hostname === "" ? { fault: `${quote(withoutPassword(text))} names no host; ${wanted}` } : { value: text };
}

function parseHost(text: string): Checked<string> {
  const named = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?$/.test(text);
  if (isIP(text) !== 0 || (named && !/^[\d.]+$/.test(text))) return { value: text };
  return { fault: `${quote(text)} is neither an address nor a host name; e.g. 127.0.0.1` };
}

function parsePath(text: string): Checked<string> {
  return text.includes("\0") ? { fault: "a path cannot hold a zero byte" } : { value: text };
}

function parseAuth(text: string): Checked<"off"> {
  if (text === "off") return { value: text };
  return { fault: `${quote(text)} is not built in this version; "off", with a loopback HOST, is all there is` };
}

function wholeNumber(min: number, max: number): (text: string) => Checked<number> {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return { value };
    return { fault: `${quote(text)} is not a whole number from ${min} to ${max}` };
  };
}

function oneOf<const T extends readonly string[]>(allowed: T): (text: string) => Checked<T[number]> {
  return (text) => {
    const found = allowed.find((candidate): candidate is T[number] => candidate === text);
    return found === undefined ? { fault: `${quote(text)} is none of ${allowed.join(", ")}` } : { value: found };
  };
}

/** A fault may end up in a log, a password may not. */
function withoutPassword(text: string): string {
  return text.replace(/\/\/[^@/]*@/g, "//***@");
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}
