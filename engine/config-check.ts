// What the parsers of options share: how a value is judged, and how it is quoted.
import { isIP } from "node:net";

export type Checked<T> = { readonly value: T } | { readonly fault: string };

/** 127.0.0.0/8, ::1 and localhost. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** A fault may end up in a log, a password may not. */
export function withoutPassword(text: string): string {
  return text.replace(/\/\/[^@/]*@/g, "//***@");
}

export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}
