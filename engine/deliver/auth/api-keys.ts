// Keys of servers: a file names their sha256, scopes and topics; the keys themselves are nowhere. It is read again when it changes.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import { parse } from "yaml";
import type { Log } from "../ports.ts";
import type { Caller } from "./caller.ts";
import { TOPIC_LENGTH_MAX, TOPICS_MAX } from "./caller.ts";
import { SCOPES } from "./scopes.ts";

const KEYS_MAX = 256;
const FILE_BYTES_MAX = 1024 * 1024;
const CHANGED_EVERY_MS = 5_000;
const PREFIX = "nba_";

const KeySchema = Type.Object(
  {
    name: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" }),
    /** Of the whole key, hex. */
    sha256: Type.String({ pattern: "^[0-9a-f]{64}$" }),
    scopes: Type.Array(Type.Enum([...SCOPES]), { minItems: 1 }),
    topics: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: TOPIC_LENGTH_MAX }), { maxItems: TOPICS_MAX }),
    ),
    perSecond: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    /** ISO 8601 with a zone: the key is not taken from then on. */
    until: Type.Optional(
      Type.String({ pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$" }),
    ),
  },
  { additionalProperties: false },
);
const FileSchema = Type.Object(
  { keys: Type.Array(KeySchema, { maxItems: KEYS_MAX }) },
  { additionalProperties: false },
);
const check = Compile(FileSchema);

export type KeyEntry = Static<typeof KeySchema>;

interface Known {
  readonly digest: Buffer;
  readonly caller: Caller;
}

export interface ApiKeys {
  /** Whose key it is; undefined: nobody's, or no longer. Takes the same time whichever key it is. */
  readonly callerOf: (key: string) => Caller | undefined;
  /** The same caller by what the file says now; undefined: its key is there no more, or has ended. */
  readonly renewed: (caller: Caller) => Caller | undefined;
  /** Called whenever the file was read anew. */
  readonly onRead: (listener: () => void) => void;
  readonly close: () => void;
}

/** Throws one line where the file cannot be read or is faulty; later a faulty file is told to the log, and the last good one holds. */
export function createApiKeys(path: string, log: Pick<Log, "warn">): ApiKeys {
  let known = readKeys(path);
  let read = stamp(path);
  const listeners: (() => void)[] = [];
  const again = setInterval(() => {
    const now = stamp(path);
    if (now === read) return;
    read = now;
    try {
      known = readKeys(path);
      for (const listener of listeners) listener();
    } catch (error) {
      log.warn("the file of API keys was not taken: the last good one holds", { why: (error as Error).message });
    }
  }, CHANGED_EVERY_MS);
  again.unref();
  return {
    callerOf: (key) => {
      const digest = createHash("sha256").update(key).digest();
      let found: Caller | undefined;
      for (const each of known) if (timingSafeEqual(each.digest, digest)) found = each.caller;
      return unlessEnded(found);
    },
    renewed: ({ key }) => unlessEnded(known.find(({ caller }) => caller.key === key)?.caller),
    onRead: (listener) => void listeners.push(listener),
    close: () => clearInterval(again),
  };
}

function unlessEnded(caller: Caller | undefined): Caller | undefined {
  return caller !== undefined && caller.expiresAt > Date.now() ? caller : undefined;
}

/** A new key, and what the file must hold of it. */
export function newApiKey(entry: Omit<KeyEntry, "sha256">): { readonly key: string; readonly entry: KeyEntry } {
  const key = PREFIX + randomBytes(32).toString("base64url");
  const { name, ...rest } = entry;
  return { key, entry: { name, sha256: createHash("sha256").update(key).digest("hex"), ...rest } };
}

function readKeys(path: string): readonly Known[] {
  const refuse = (what: string): never => {
    const at = `NBA_API_KEYS_FILE: ${JSON.stringify(path)}`;
    throw new Error(`${at}: ${what.split("\n")[0]}; want keys: [{name, sha256, scopes}], as nba key prints`);
  };
  let value: unknown;
  try {
    if (statSync(path).size > FILE_BYTES_MAX) refuse(`has more than ${FILE_BYTES_MAX} bytes`);
    value = parse(readFileSync(path, "utf8"), { uniqueKeys: true, maxAliasCount: 0 });
  } catch (error) {
    return refuse(`cannot be read: ${(error as Error).message}`);
  }
  if (!check.Check(value)) {
    const first = check.Errors(value)[0];
    return refuse(`${first?.instancePath ?? ""} ${first?.message ?? ""}`.trim());
  }
  const names = value.keys.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) refuse(`two keys are named "${twice}"`);
  return value.keys.map(knownOf);
}

function knownOf({ name, sha256, scopes, topics, perSecond, until }: KeyEntry): Known {
  const caller: Caller = {
    id: `key:${name}`,
    scopes: new Set(scopes),
    topics: new Set(topics ?? []),
    expiresAt: until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until),
    perSecond,
    key: sha256,
  };
  return { digest: Buffer.from(sha256, "hex"), caller };
}

/** Changes with the file, also where it is put in the place of another (as Kubernetes does with secrets). */
function stamp(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return "gone";
  }
}
