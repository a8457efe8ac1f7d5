import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRandom, type Random } from "../../engine/cli/traffic/random.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { characterAt, keyAt, type Path, startAt } from "../../engine/rulebook/place-table.ts";
import { readAnyYaml } from "../../engine/rulebook/read-any-yaml.ts";
import { readPlainYaml } from "../../engine/rulebook/read-plain-yaml.ts";
import type { Reading } from "../../engine/rulebook/reading.ts";
import { placesOfDocument } from "./document-places.ts";
import { drawYaml } from "./draw-yaml.ts";

const SEED = Number(process.env["NBA_SEED"] ?? 20261122);
const RUNS = process.env["NBA_LONG"] === undefined ? 500 : 100_000;

describe("a text read in the plain way", () => {
  it("says what the library says, and is how all delivered rules are written", () => {
    const isPlain = yamlBelow("rules", "test").map(({ file, text }) => ({ file, isPlain: agree(text) }));
    expect(isPlain.filter((one) => !one.isPlain && /^rules\/(?!tests\/)/.test(one.file))).toEqual([]);
    expect(isPlain.length).toBeGreaterThan(10);
  });

  it("says what the library says of generated texts, as they are and cut up", () => {
    console.log(`texts of seed ${SEED} (NBA_SEED=${SEED} repeats them)`);
    const random = createRandom(SEED);
    const plain = { whole: 0, broken: 0 };
    for (let run = 0; run < RUNS; run++) {
      const text = drawYaml(random);
      if (agree(text)) plain.whole++;
      if (agree(breakUp(text, random))) plain.broken++;
    }
    console.log(`of ${RUNS} each were plain: ${plain.whole} as they are, ${plain.broken} cut up`);
    expect(Math.min(plain.whole, plain.broken)).toBeGreaterThan(RUNS / 10);
  });

  it.each([
    "a: 1\n b: 2\n",
    "a:\n  { b: 1 }\nc:\n  [d]\n",
    "a:\n  { b: 1 }\n  c: 2\n",
    "a:\n{ b: 1 }\n",
    "a:\n  b:\n    [c]\n   #d\n  e: f\n",
    "a: b\n  c\n",
    "a: [1, 2\n]\n",
    "a:\n- 1\n- b: 2\n  c: 3\nd: 4\n",
    "a: {b: 1}\n",
    "a: {b:1}\n",
    "a: [b: 1]\n",
    "a: 'it''s'\n",
    'a: "x" #c\n',
    'a: "x"#c\n',
    "a: x #c\nb: x#c\n",
    "a: -1\nb: -0\nc: 007\nd: 1.50\ne: 1e3\nf: ~\ng: -\nh: .5\n",
    "a: 99999999999999999999\n",
    "a: - b\n",
    "a:\n  - - b\n",
    "a:\n  -\n    b: 1\n",
    "- a\n- b\n",
    "a: b: c\n",
    "a: b:\n",
    "a: {}\nb: []\nc: [ ]\n",
    "a: [1, ]\n",
    "a: [, 1]\n",
    'a: {b: [c, {d: e}], f: "g"}\n',
    "a: {b: c # d\n}\n",
    "  a: 1\n  b: 2\n",
    "# c\n\na: 1\n# d\n  # e\nb:\n  # f\n  c: 1\n# g\n  d: 2\n",
    "a: 1\na: 2\n",
    "true: 1\n",
    "a: 1\n---\nb: 2\n",
    "a: x\u00a0\n",
    "a: x\r\nb: y\r\n",
    "a:\n  b: 1\n c: 2\n",
    "a:\n\n  b: 1\n\n\n  c: 2",
    "a: 1",
    "a",
    "",
    "\n\n",
    "# only this\n",
    `a: ${"[".repeat(40)}${"]".repeat(40)}\n`,
  ])("says what the library says of %j", (text) => {
    agree(text);
  });

  it("leaves what it is not sure of to the library", () => {
    const doubtful = ["a: |\n  x\n", "a: &b 1\nc: *b\n", "a: b\n  c\n", "a: x\ty\n", "? a\n: b\n", '"a": 1\n', "a:\n"];
    for (const text of doubtful) expect(readPlainYaml(text), text).toBe(undefined);
  });

  it("takes time in proportion to the text, whatever is in it", () => {
    // A hundred times as long would take ten thousand times as long, if any of these were read again and again.
    const hostile = ["a: x #", "a: [", '"', "a: {b: ", "- ", "a:\n ", "#", "a: - ", " ", "a", "a: b:"];
    for (const scrap of hostile) expect(() => readPlainYaml(scrap.repeat(50_000))).not.toThrow();
  });
});

describe("a table of places", () => {
  it.each([
    "_x: |",
    "a: &x { b: [1, 'two'], c: }\nd: *x\ne: [*x, *x]\n",
    "10: a\n",
    '"10": a\n"9": b\nz: c\n"1": [d]\n',
    "a: >\n  folded\n  text\nb: |\n  x\nc: \"esc\\n\"\nd: 'it''s'\ne: plain over\n  two lines\n",
    "? a\n: b\n? c\n",
    "{ a, b: , c: 1 }\n",
    "- a\n- [b, [c]]\n",
  ])("answers as the library's document does: %j", (text) => {
    agreesWithDocument(text, readAnyYaml(text));
  });
});

/** True where it was read in the plain way. */
function agree(text: string): boolean {
  const any = readAnyYaml(text);
  agreesWithDocument(text, any);
  const plain = readPlainYaml(text);
  if (plain === undefined) return false;
  if (any.kind === "unread" || plain.kind === "unread") {
    throw new Error(`the library does not take ${JSON.stringify(text)}: ${JSON.stringify(any)}`);
  }
  expect(plain.value, text).toStrictEqual(any.value);
  expect([...plain.places.lineStarts], text).toEqual([...any.places.lineStarts]);
  agreesWithDocument(text, plain);
  return true;
}

function agreesWithDocument(text: string, reading: Reading): void {
  if (reading.kind === "unread") return;
  const { value, places } = reading;
  const document = placesOfDocument(text);
  const said = pathsOf(value).map((path) => {
    const [above, last] = [path.slice(0, -1), String(path.at(-1))];
    return {
      start: [path, startAt(places, value, path), document.placeOf(path)],
      key: [path, keyAt(places, value, above, last), document.placeOfKey(above, last)],
      text: [path, characterAt(places, value, path, 3), document.placeInText(path, 3)],
    };
  });
  const wrong = said.flatMap(({ start, key, text: character }) =>
    [start, key, character].filter(([, ours, theirs]) => JSON.stringify(ours) !== JSON.stringify(theirs)),
  );
  expect(wrong, text).toEqual([]);
}

/** Of every value, and of some that are not there. */
function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  const below = typeof value === "object" && value !== null ? Object.entries(value) : [];
  const steps = below.map(([name, item]) => [Array.isArray(value) ? Number(name) : name, item] as const);
  return [
    path,
    [...path, "nowhere"],
    [...path, 99],
    ...steps.flatMap(([step, item]) => pathsOf(item, [...path, step])),
  ];
}

const SCRAPS = [
  "\n",
  " ",
  "  ",
  ": ",
  ":",
  "- ",
  "-",
  "#",
  " #",
  ",",
  "{",
  "}",
  "[",
  "]",
  '"',
  "'",
  "&a",
  "!",
  "|",
  "1",
];

function breakUp(text: string, random: Random): string {
  const at = random.whole(0, text.length);
  const cut = random.chance(0.5) ? random.whole(0, 3) : 0;
  return text.slice(0, at) + (random.chance(0.7) ? random.pick(SCRAPS) : "") + text.slice(at + cut);
}

function yamlBelow(...folders: readonly string[]): readonly { readonly file: string; readonly text: string }[] {
  return folders.flatMap((folder) =>
    readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".yaml"))
      .map((name) => ({
        file: `${folder}/${name}`,
        text: readFileSync(join(repositoryRoot, folder, name), "utf8"),
      })),
  );
}
