// A JSON value that was right, with one or two places changed: what byte mutations seldom reach, because they break the syntax first.
import type { Chance } from "./chance.ts";

/** Written as they are, for JSON.stringify could not. */
const RAW = [
  "null",
  "true",
  "-1",
  "0",
  "-0",
  "1e999",
  "-1e999",
  "1e308",
  "5e-324",
  "9007199254740993",
  "0.1",
  "[]",
  "{}",
  '""',
  '"\\ud800"',
  '"\\udc00x"',
  '"\\u0000"',
  '" "',
  '"__proto__"',
  '"constructor"',
  '"anon:x"',
  '"../../etc/passwd"',
  '"*"',
  '"{7}"',
  '"żółw 🐢"',
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":{"prototype":{"a":1}}}',
  '{"a":1,"a":2}',
  "[[[[[[1]]]]]]",
  '{"a":{"a":{"a":{}}}}',
  JSON.stringify("x".repeat(65)),
  JSON.stringify("x".repeat(257)),
  JSON.stringify("ü".repeat(5_000)),
  JSON.stringify(Array.from({ length: 65 }, String)),
  JSON.stringify(Array.from({ length: 2_000 }, () => 0)),
  JSON.stringify(Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`k${index}`, index]))),
  "[".repeat(31) + "]".repeat(31),
  "[".repeat(5_000) + "]".repeat(5_000),
  `${'{"a":'.repeat(40)}1${"}".repeat(40)}`,
];
const NAMES = ["", "__proto__", "constructor", "toString", "id", "x".repeat(300), "\u0000", "a b"];

/** The text of a JSON value close to `value`; most are valid JSON. */
export function mutateValue(value: unknown, chance: Chance): string {
  const places = countPlaces(value);
  const hit = new Set(Array.from({ length: 1 + chance.below(2) }, () => chance.below(places)));
  return write(value, { hit, at: { place: 0 }, chance });
}

interface Writing {
  readonly hit: ReadonlySet<number>;
  readonly at: { place: number };
  readonly chance: Chance;
}

function countPlaces(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>((sum, inner) => sum + countPlaces(inner), 1);
}

function write(value: unknown, writing: Writing): string {
  const { hit, at, chance } = writing;
  const isHit = hit.has(at.place++);
  const kind = isHit ? chance.below(4) : 3;
  if (kind === 0) return chance.pick(RAW);
  if (typeof value !== "object" || value === null) return isHit ? chance.pick(RAW) : (JSON.stringify(value) ?? "null");
  if (Array.isArray(value)) {
    const items = value.map((inner) => write(inner, writing));
    if (isHit) items.splice(chance.below(items.length + 1), chance.below(2), items[0] ?? chance.pick(RAW));
    return `[${items.join(",")}]`;
  }
  const fields = Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}:${write(inner, writing)}`);
  if (isHit && kind === 1) fields.push(`${JSON.stringify(chance.pick(NAMES))}:${chance.pick(RAW)}`);
  if (isHit && kind === 2) fields.splice(chance.below(fields.length + 1), 1);
  if (isHit && kind === 3) fields.push(fields[chance.below(Math.max(1, fields.length))] ?? '"a":1');
  return `{${fields.join(",")}}`;
}
