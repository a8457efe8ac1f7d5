// Values of placeholders come from outside: made harmless for where the text goes. What the rulebook's author wrote is not touched.
import type { Channel } from "../rulebook/rulebook.ts";

export type Escape = (value: string) => string;

/** The field whose values are parts of an address. */
const LINK_FIELD = "link";

const HTML: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export function escapeFor(format: Channel["format"], field: string): Escape {
  if (field === LINK_FIELD) return percentEncoded;
  return format === "html" ? htmlEscaped : oneLine;
}

/** Safe as text and within an attribute in quotes (OWASP XSS prevention, rules 1 and 2). */
export function htmlEscaped(value: string): string {
  return value.replace(/[&<>"']/g, (character) => HTML[character] as string);
}

/** Control characters and line separators become spaces: a value ends no line, header or message. */
export function oneLine(value: string): string {
  return isPrintable(value) ? value : value.replace(/[\p{Cc}\u2028\u2029]/gu, " ");
}

/** Short, and nothing but printable ASCII: most values are, and a pattern costs more than their letters. */
function isPrintable(value: string): boolean {
  if (value.length > 64) return false;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

/** RFC 3986: only unreserved characters stay. Half a surrogate pair, which has no UTF-8, becomes U+FFFD. */
function percentEncoded(value: string): string {
  return encodeURIComponent(value.replace(/\p{Surrogate}/gu, "\ufffd")).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
