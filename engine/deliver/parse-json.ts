// JSON from outside: valid UTF-8, bounded in depth and keys, without keys that mean something to JavaScript objects.

export type ParsedJson =
  | { readonly kind: "parsed"; readonly value: unknown }
  | { readonly kind: "malformed"; readonly why: string };

const DEPTH_MAX = 32;
/** Of one object: an event has at most 64 props, a supposition at most a few hundred names. */
const KEYS_MAX = 1_024;
const SUSPICIOUS_KEY = /"(?:__proto__|constructor|prototype)"\s*:|\\u/i;
const REFUSED_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

export function parseJson(bytes: Uint8Array): ParsedJson {
  const text = decodeUtf8(bytes);
  if (text === undefined) return { kind: "malformed", why: "the body is not valid UTF-8" };
  if (text.trim() === "") return { kind: "malformed", why: "the body is empty; send a JSON value" };
  const beyond = isBeyondBounds(text);
  if (beyond !== undefined) return { kind: "malformed", why: `the body ${beyond}` };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { kind: "malformed", why: withoutContent(error) };
  }
  if (SUSPICIOUS_KEY.test(text)) {
    const key = findRefusedKey(value);
    if (key !== undefined) return { kind: "malformed", why: `the key "${key}" is refused` };
  }
  return { kind: "parsed", value };
}

export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** V8 puts a part of the text into its message: a customer's values do not belong into answers and logs. */
function withoutContent(error: unknown): string {
  const message = error instanceof Error ? error.message : "not JSON";
  const position = /at position (\d+)/.exec(message);
  if (position !== null) return `not JSON at character ${position[1]}`;
  return message.startsWith("Unexpected end") ? "the JSON ends too early" : "not JSON";
}

/** What nests deeper, or has more keys in one object, than anything that is taken here; found before anything is built of it. */
function isBeyondBounds(text: string): string | undefined {
  const keys: number[] = [];
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (inString) {
      if (unit === 0x5c) at++;
      else if (unit === 0x22) inString = false;
    } else if (unit === 0x22) inString = true;
    else if (unit === 0x7b || unit === 0x5b) {
      if (keys.push(0) > DEPTH_MAX) return `is nested deeper than ${DEPTH_MAX} levels`;
    } else if (unit === 0x7d || unit === 0x5d) keys.pop();
    else if (unit === 0x3a && keys.length > 0) {
      const count = (keys.pop() as number) + 1;
      if (count > KEYS_MAX) return `has an object of more than ${KEYS_MAX} keys`;
      keys.push(count);
    }
  }
  return undefined;
}

function findRefusedKey(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    if (!Array.isArray(value) && REFUSED_KEYS.has(key)) return key;
    const found = findRefusedKey(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}
