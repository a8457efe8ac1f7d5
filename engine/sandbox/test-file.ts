// A YAML file of rule tests, to tests or faults. What stands at the top holds for every test of the file.
import { type Static, Type } from "typebox";
import { stringify } from "yaml";
import { PropsSchema } from "../ingest/schemas.ts";
import { checkShape } from "../rulebook/check-shape.ts";
import type { FaultLog } from "../rulebook/fault.ts";
import type { Place } from "../rulebook/place.ts";
import type { RulebookFiles } from "../rulebook/rulebook.ts";
import { type Path, readSource, type Source } from "../rulebook/source.ts";
import { createLocalClock } from "./local-clock.ts";
import type { GivenCustomer, RuleTest, Step } from "./rule-test.ts";
import { readStep, STEP } from "./test-step.ts";
import { parseTable } from "./test-table.ts";

const CLOSED = { additionalProperties: false };
const OUTPUT = Type.Number({ minimum: 0, maximum: 1 });
const MODELS = Type.Record(Type.String(), OUTPUT);
const CUSTOMER = Type.Object(
  {
    attributes: Type.Optional(PropsSchema),
    consents: Type.Optional(Type.Record(Type.String(), Type.Record(Type.String(), Type.Enum(["granted", "denied"])))),
    cases: Type.Optional(Type.Record(Type.String(), Type.String())),
    models: Type.Optional(MODELS),
  },
  CLOSED,
);
const SHARED = {
  timeZone: Type.Optional(Type.String({ description: "a time zone such as Europe/Vienna" })),
  date: Type.Optional(Type.String({ pattern: "^\\d{4}-\\d{2}-\\d{2}$", description: "a day such as 2026-03-02" })),
  base: Type.Optional(Type.String({ description: "a folder of rules, from this file; or none" })),
  rules: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  models: Type.Optional(MODELS),
  customers: Type.Optional(Type.Record(Type.String(), CUSTOMER)),
  delivers: Type.Optional(Type.Boolean()),
};
const TEST = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    ...SHARED,
    table: Type.Optional(Type.String()),
    steps: Type.Optional(Type.Array(STEP, { minItems: 1 })),
  },
  CLOSED,
);
const TEST_FILE = Type.Object({ ...SHARED, tests: Type.Array(TEST, { minItems: 1 }) }, CLOSED);
type TestFile = Static<typeof TEST_FILE>;
type WrittenTest = Static<typeof TEST>;
type Shared = Omit<TestFile, "tests">;

const DEFAULT_DATE = "2026-03-02";

/** `file` is how faults name it. Tests with faults are left out. */
export function readTestFile(file: string, text: string, faults: FaultLog): readonly RuleTest[] {
  const source = readSource(file, text, faults);
  if (source === undefined || !checkShape(TEST_FILE, source, faults)) return [];
  const { tests, ...shared } = source.value as TestFile;
  const names = new Set<string>();
  return tests.flatMap((written, index) => {
    const path: Path = ["tests", index];
    if (names.has(written.name))
      faults.add(source.placeOf([...path, "name"]), `a test "${written.name}" stands above: give it another name`);
    names.add(written.name);
    return readTest(written, shared, { source, path, text }, faults) ?? [];
  });
}

interface Written {
  readonly source: Source;
  readonly path: Path;
  readonly text: string;
}

function readTest(written: WrittenTest, shared: Shared, at: Written, faults: FaultLog): RuleTest | undefined {
  const { source, path } = at;
  const place = source.placeOf([...path, "name"]);
  const zone = written.timeZone ?? shared.timeZone ?? "UTC";
  const clock = createLocalClock(zone);
  if (clock === undefined) {
    faults.add(place, `there is no time zone "${zone}": write one such as Europe/Vienna`);
    return undefined;
  }
  const before = faults.count();
  const steps = readSteps(written, at, faults);
  if (faults.count() > before) return undefined;
  const rulesAt: Path = written.rules === undefined ? ["rules"] : [...path, "rules"];
  return {
    name: written.name,
    place,
    clock,
    date: written.date ?? shared.date ?? DEFAULT_DATE,
    base: written.base ?? shared.base,
    rules: { ...overlay(shared.rules), ...overlay(written.rules) },
    rulesPlace: source.placeOf(rulesAt),
    models: { ...shared.models, ...written.models },
    customers: customersOf(shared, written),
    delivers: written.delivers ?? shared.delivers ?? true,
    steps,
  };
}

function readSteps(written: WrittenTest, { source, path, text }: Written, faults: FaultLog): readonly Step[] {
  const place = source.placeOf([...path, "name"]);
  if ((written.table === undefined) === (written.steps === undefined)) {
    faults.add(place, "a test has either a table or steps");
    return [];
  }
  if (written.table !== undefined) {
    const before = faults.count();
    const steps = parseTable(written.table, tablePlaces(source.placeOf([...path, "table"]), text), faults);
    if (steps.length === 0 && faults.count() === before) faults.add(place, "the table has no line");
    return steps;
  }
  return (written.steps ?? []).flatMap((step, index) => {
    const stepPlace = source.placeOf([...path, "steps", index]);
    return readStep(step, stepPlace, (message) => faults.add(stepPlace, message)) ?? [];
  });
}

/** A block of text begins on the line after its `|`, indented as its first line is. */
function tablePlaces(start: Place, text: string): (line: number) => Place {
  const below = text.split("\n").slice(start.line);
  const first = below.find((line) => line.trim() !== "") ?? "";
  const column = first.length - first.trimStart().length + 1;
  return (line) => ({ file: start.file, line: start.line + 1 + line, column });
}

function overlay(written: Readonly<Record<string, unknown>> | undefined): RulebookFiles {
  return Object.fromEntries(
    Object.entries(written ?? {}).map(([path, file]) => [path, typeof file === "string" ? file : stringify(file)]),
  );
}

/** A customer of the test goes before one of the same name of the file, field by field. */
function customersOf(shared: Shared, written: WrittenTest): Readonly<Record<string, GivenCustomer>> {
  const all: Record<string, GivenCustomer> = { ...(shared.customers as Record<string, GivenCustomer>) };
  for (const [name, customer] of Object.entries(written.customers ?? {})) {
    all[name] = { ...all[name], ...(customer as GivenCustomer) };
  }
  return all;
}
