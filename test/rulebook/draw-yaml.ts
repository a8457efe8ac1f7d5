// Texts as people write rules, with now and then a thing that few write.
import type { Random } from "../../engine/cli/traffic/random.ts";

const KEYS = ["id", "label", "rule", "when", "actions", "text-1", "_x", "de", "cta", "y"];
const PLAIN = [
  ...["yes", "7d", "features.views_7d >= 3", "a:b", "x#y", "-5", "- ", "1.5", "010", "1e3", "null", "true", "No."],
  ...[
    "(a || b)",
    "$x",
    "über",
    "a, b",
    "0x1F",
    "2026-01-01",
    "90 + 40 * model.churn",
    "<<",
    "=",
    ".5",
    "12:30",
    "a  b",
  ],
  ...["+1", "-0", "0.10", "1.", "-", "-x", "~x", "TRUE", ".inf", "a 'b' \"c\"", "A?", "a\\b", "x&y", "f(*)"],
];
const RARE = [
  ...["~", "", "|\n    x", "&a 1", "*a", "!x y", "'it''s'", '"\\n"', "? a", "[a\n  , b]", "- a", "@x", "{a}", "[a: b]"],
  ...["a # b", "a: b", "a:", "x\n   y", '"x\n   y"', "%a", "`a", "a\tb", "\u{1f600}"],
];

/** A mapping, sound as a rule. */
export function drawYaml(random: Random): string {
  return mapping(random, 0, 0);
}

/** A comment or an empty line, now and then. */
function gap(random: Random, indent: number): string {
  if (!random.chance(0.1)) return "";
  return random.chance(0.5) ? "\n" : `${" ".repeat(random.whole(0, indent + 2))}# ${random.pick(PLAIN)}\n`;
}

function drawKeys(random: Random, count: number): string[] {
  const at = random.whole(0, KEYS.length - 1);
  return Array.from({ length: count }, (_, index) => KEYS[(at + 3 * index) % KEYS.length] as string);
}

function mapping(random: Random, indent: number, depth: number): string {
  const keys = drawKeys(random, random.whole(1, 4));
  if (random.chance(0.01)) keys.push(keys[0] as string);
  return keys
    .map((key) => `${gap(random, indent)}${" ".repeat(indent)}${key}:${entry(random, indent, depth)}`)
    .join("");
}

function entry(random: Random, indent: number, depth: number): string {
  const end = random.chance(0.1) ? " # why\n" : "\n";
  if (depth >= 4 || random.chance(0.6)) return ` ${inline(random, depth)}${end}`;
  if (random.chance(0.5)) return `${end}${mapping(random, indent + random.pick([1, 2, 2, 2, 4]), depth + 1)}`;
  return `${end}${list(random, indent + random.pick([0, 2, 2]), depth + 1)}`;
}

function list(random: Random, indent: number, depth: number): string {
  return Array.from({ length: random.whole(1, 3) }, () => {
    const dash = `${" ".repeat(indent)}-${" ".repeat(random.pick([1, 1, 1, 3]))}`;
    if (random.chance(0.5)) return `${gap(random, indent)}${dash}${inline(random, depth)}\n`;
    return gap(random, indent) + dash + mapping(random, dash.length, depth + 1).trimStart();
  }).join("");
}

function inline(random: Random, depth: number): string {
  if (random.chance(0.02)) return random.pick(RARE);
  const text = random.pick(PLAIN);
  if (depth >= 6 || random.chance(0.6)) {
    if (random.chance(0.6)) return text;
    return random.chance(0.5) ? JSON.stringify(text) : `'${text}'`;
  }
  const items = Array.from({ length: random.whole(0, 3) }, () => inline(random, depth + 2));
  const space = random.chance(0.7) ? " " : "";
  if (random.chance(0.5)) return `[${space}${items.join(`,${space}`)}${space}]`;
  const keys = drawKeys(random, items.length);
  return `{${space}${items.map((item, at) => `${keys[at]}: ${item}`).join(", ")}${space}}`;
}
