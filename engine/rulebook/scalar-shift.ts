import { HIDDEN } from "./place-table.ts";

/** How far into the source, from `start` to `end`, the first character of a scalar's value is, where both run alike. */
export function shiftOf(text: string, start: number, end: number, value: unknown): number {
  const written = String(value);
  const isAt = (from: number, to: number): boolean => to - from === written.length && text.startsWith(written, from);
  if (isAt(start, end)) return 0;
  return isAt(start + 1, end - 1) ? 1 : HIDDEN;
}
