// JSON from outside: valid UTF-8, bounded in depth, without keys that mean something to JavaScript objects.

export type ParsedJson =
  | { readonly kind: "parsed"; readonly value: unknown }
  | { readonly kind: "malformed"; readonly why: string };

const DEPTH_MAX = 32;
const SUSPICIOUS_KEY = /"(?:__proto__|constructor|prototype)"\s*:|\\u/i;
const REFUSED_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

export function parseJson(bytes: Uint8Array): ParsedJson {
  const text = decodeUtf8(bytes);
  if (text === undefined) return { kind: "malformed", why: "the body is not valid UTF-8" };
  if (text.trim() === "") return { kind: "malformed", why: "the body is empty; send a JSON value" };
  if (isTooDeep(text)) return { kind: "malformed", why: `the body is nested deeper than ${DEPTH_MAX} levels` };
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

function isTooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (inString) {
      if (unit === 0x5c) at++;
      else if (unit === 0x22) inString = false;
    } else if (unit === 0x22) inString = true;
    else if (unit === 0x7b || unit === 0x5b) {
      if (++depth > DEPTH_MAX) return true;
    } else if (unit === 0x7d || unit === 0x5d) depth--;
  }
  return false;
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
