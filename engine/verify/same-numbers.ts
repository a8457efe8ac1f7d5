// Numbers that were added up in another order.
const TOLERANCE = 1e-9;

/** Equal but for the last bits; NaN equals NaN. */
export function sameNumber(a: number, b: number): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  return Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(a), Math.abs(b));
}
