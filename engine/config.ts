// Every option once, as a value: name, what it takes, default, prose. The parser, `nba start --help` and the table of
// the README are made from this list.
import { isIP } from "node:net";
import { type Checked, quote } from "./config-check.ts";
import { authOf, contradictions, parseJwksUrl, parseOrigins, parseSecret } from "./config-credentials.ts";
import { type Durability, parseDurability, parseRedisUrl } from "./config-redis.ts";
import { IDEMPOTENCY_DEFAULT, type IdempotencyBounds, parseIdempotency } from "./deliver/idempotency-bounds.ts";
import { parseRetention, RETENTION_DEFAULT, type Retention } from "./retain/retention.ts";

export interface Config {
  /** redis://, rediss:// or unix:///path; undefined: the engine starts its own. */
  readonly redisUrl: string | undefined;
  readonly port: number;
  readonly host: string;
  /** host:port at which other engines reach this one; undefined: where it listens. */
  readonly advertise: string | undefined;
  /** Engines on this machine, as child processes of one command. */
  readonly workers: number;
  readonly partitions: number;
  readonly durability: Durability;
  readonly rulesDir: string;
  readonly modelsDir: string;
  /** Where the engine's own Redis keeps its files. */
  readonly stateDir: string;
  readonly leaseMs: number;
  readonly auth: "off" | "jwt";
  readonly jwtSecret: string | undefined;
  readonly jwksUrl: string | undefined;
  readonly jwtIssuer: string | undefined;
  readonly jwtAudience: string;
  readonly apiKeysFile: string | undefined;
  /** Origins as browsers write them: https://crm.example */
  readonly allowedOrigins: readonly string[];
  /** Requests and messages a second of one caller; undefined: as AUTH is. */
  readonly rateLimit: number | undefined;
  readonly idempotency: IdempotencyBounds;
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
    takes: "`redis://`, `rediss://`, `unix:///path`, or nodes of a cluster with commas between",
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
  advertise: option({
    name: "ADVERTISE",
    takes: "`host:port`",
    default: undefined,
    about:
      "Where the other engines on the same Redis reach this one. Unset: where it listens. Worker I is reached I ports above.",
    parse: parseAdvertised,
  }),
  workers: option({
    name: "WORKERS",
    takes: "1 to 64",
    default: "1",
    about:
      "Engines on this machine, one process for each, which share `PORT`. Worker I also listens on `PORT` + I alone: there are its own `/metrics` and `/readyz`, and there the others reach it. Bounds such as `MAX_PROFILES` are those of one worker.",
    parse: wholeNumber(1, 64),
  }),
  partitions: option({
    name: "PARTITIONS",
    takes: "1 to 4096",
    default: "64",
    about: "Number of input logs. Fixed once a Redis holds data: another number is refused.",
    parse: wholeNumber(1, 4_096),
  }),
  durability: option({
    name: "DURABILITY",
    takes: "`commit` or `wait:N`, N from 1 to 9",
    default: "commit",
    about:
      "`wait:N`: nothing is answered, delivered or accepted before N replicas of its master have it; while they are fewer, it is not.",
    parse: parseDurability,
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
    takes: "`off` or `jwt`",
    default: undefined,
    about:
      "Who may call. `jwt`: who shows a token or key that is good. `off`: anyone who reaches the port, so `HOST` must be a " +
      "loopback address. Unset: `jwt` where `JWT_SECRET`, `JWKS_URL` or `NBA_API_KEYS_FILE` is set, else `off`.",
    parse: oneOf(["off", "jwt"]),
  }),
  jwtSecret: option({
    name: "JWT_SECRET",
    takes: "at least 32 bytes",
    default: undefined,
    about: "Tokens are signed with it (HS256).",
    parse: parseSecret,
  }),
  jwksUrl: option({
    name: "JWKS_URL",
    takes: "`https://`, or `http://` on loopback",
    default: undefined,
    about: "Tokens are signed by a key of this set (ES256, RS256, EdDSA). In place of `JWT_SECRET`.",
    parse: parseJwksUrl,
  }),
  jwtIssuer: option({
    name: "NBA_JWT_ISSUER",
    takes: "text",
    default: undefined,
    about: "The claim `iss` that every token must have.",
    parse: parseText,
  }),
  jwtAudience: option({
    name: "NBA_JWT_AUDIENCE",
    takes: "text",
    default: "nba",
    about: "What the claim `aud` of a token must name, where it has one; with `JWKS_URL` it must have one.",
    parse: parseText,
  }),
  apiKeysFile: option({
    name: "NBA_API_KEYS_FILE",
    takes: "file",
    default: undefined,
    about: "Keys of servers (`nba key` makes one): names, scopes, sha256. Read again when it changes.",
    parse: parsePath,
  }),
  allowedOrigins: option({
    name: "NBA_ALLOWED_ORIGINS",
    takes: "origins, separated by commas",
    default: undefined,
    about: "Pages that may call beside the engine's own, e.g. `https://crm.example`.",
    parse: parseOrigins,
  }),
  rateLimit: option({
    name: "NBA_RATE_LIMIT",
    takes: "1 to 1000000",
    default: undefined,
    about:
      "Requests and messages a second of one caller, twice as many at once; beyond it 429. " +
      "Unset: 1000 with tokens, none while `AUTH` is `off`.",
    parse: wholeNumber(1, 1_000_000),
  }),
  idempotency: option({
    name: "NBA_IDEMPOTENCY",
    takes: "a time, bytes or both, such as `24h,4GiB`",
    default: IDEMPOTENCY_DEFAULT,
    about:
      "How long answers by Idempotency-Key are kept in Redis, and how many bytes they may have there, about; beyond them a request with a new key gets 503.",
    parse: parseIdempotency,
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
      "How long decisions and, after `log=`, input logs are kept in Redis, and how many bytes both may have there together with dead letters; beyond them the oldest goes sooner. What is still needed never goes.",
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

/** Of the test suite, and of commands that call an engine: not the engine's business, but not unknown either. */
const OTHERS: readonly string[] = ["NBA_LONG", "NBA_SOAK_SECONDS", "NBA_TOKEN"];

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
    advertise: read(OPTIONS.advertise, undefined),
    workers: read(OPTIONS.workers, 1),
    partitions: read(OPTIONS.partitions, 1),
    durability: read(OPTIONS.durability, { replicas: 0 }),
    rulesDir: read(OPTIONS.rulesDir, ""),
    modelsDir: read(OPTIONS.modelsDir, ""),
    stateDir: read(OPTIONS.stateDir, ""),
    leaseMs: read(OPTIONS.leaseMs, 0),
    auth: read<Config["auth"] | undefined>(OPTIONS.auth, undefined) ?? authOf(env),
    jwtSecret: read(OPTIONS.jwtSecret, undefined),
    jwksUrl: read(OPTIONS.jwksUrl, undefined),
    jwtIssuer: read(OPTIONS.jwtIssuer, undefined),
    jwtAudience: read(OPTIONS.jwtAudience, ""),
    apiKeysFile: read(OPTIONS.apiKeysFile, undefined),
    allowedOrigins: read(OPTIONS.allowedOrigins, []),
    rateLimit: read(OPTIONS.rateLimit, undefined),
    idempotency: read(OPTIONS.idempotency, { keepMs: 0, bytesMax: 0 }),
    profilesMax: read(OPTIONS.profilesMax, 1),
    retention: read(OPTIONS.retention, { journalMs: 0, logMs: 0, bytes: 0 }),
    archiveDir: read(OPTIONS.archiveDir, undefined),
    logLevel: read(OPTIONS.logLevel, "info"),
  };
  faults.push(...contradictions(config, env, faults));
  return faults.length === 0 ? { kind: "config", config } : { kind: "faulty", faults };
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
    .filter((name) => name.startsWith("NBA_") && !known.includes(name) && !OTHERS.includes(name))
    .filter((name) => !isServiceLink(name, env))
    .sort()
    .map((name) => {
      const bare = name.slice("NBA_".length);
      const meant = known.find((candidate) => candidate === bare || candidate === `NBA_${bare}`);
      const hint = meant === undefined ? `there are ${known.join(", ")}` : `did you mean ${meant}?`;
      const shown = /^\w{1,80}$/.test(name) ? name : quote(name);
      return { option: name, message: `${shown}: no such option; ${hint}` };
    });
}

/** Kubernetes adds these to every container beside a Service called `nba`; nobody wrote them. */
function isServiceLink(name: string, env: Environment): boolean {
  if (env["NBA_SERVICE_HOST"] === undefined) return false;
  return /^NBA_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP)(_(ADDR|PORT|PROTO))?)?)$/.test(name);
}

function parseHost(text: string): Checked<string> {
  const named = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?$/.test(text);
  if (isIP(text) !== 0 || (named && !/^[\d.]+$/.test(text))) return { value: text };
  return { fault: `${quote(text)} is neither an address nor a host name; e.g. 127.0.0.1` };
}

function parseAdvertised(text: string): Checked<string> {
  const url = URL.canParse(`http://${text}`) ? new URL(`http://${text}`) : undefined;
  const isPlain = url !== undefined && /:\d{1,5}$/.test(text) && !/[/?#@\s]/.test(text);
  if (isPlain && Number(text.slice(text.lastIndexOf(":") + 1)) > 0) return { value: text };
  return { fault: `${quote(text)} is no host:port that others could ask; e.g. engine-1.internal:8080` };
}

function parsePath(text: string): Checked<string> {
  return text.includes("\0") ? { fault: "a path cannot hold a zero byte" } : { value: text };
}

function parseText(text: string): Checked<string> {
  return { value: text };
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
