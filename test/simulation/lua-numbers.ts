// Numbers of Lua 5.1, which are doubles, and their texts.
const NUMBER = /^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?\s*$/i;
const HEXADECIMAL = /^\s*[-+]?0x[\da-f]+\s*$/i;
const NOT_FINITE = /^\s*([-+]?)(inf|infinity|nan)\s*$/i;

/** As `tonumber` reads it; undefined where it is none. */
export function numberOf(text: string): number | undefined {
  if (NUMBER.test(text)) return Number(text);
  if (HEXADECIMAL.test(text)) {
    const sign = text.trim().startsWith("-") ? -1 : 1;
    return sign * Number(text.trim().replace(/^[-+]/, ""));
  }
  const [, sign, word] = NOT_FINITE.exec(text) ?? [];
  if (word === undefined) return undefined;
  if (word.toLowerCase() === "nan") return Number.NaN;
  return sign === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** As `tostring` and `..` write it: "%.14g". */
export function numberText(value: number): string {
  return general(value, 14);
}

/** As `redis.call` is given it: "%.17g". */
export function exactText(value: number): string {
  return general(value, 17);
}

/** As C's "%.Ng" writes a double. */
function general(value: number, digits: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa = "", power = "0"] = value.toExponential(digits - 1).split("e");
  const exponent = Number(power);
  const isPlain = exponent >= -4 && exponent < digits;
  const text = isPlain ? value.toFixed(digits - 1 - exponent) : mantissa;
  const short = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  if (isPlain) return short;
  return `${short}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
