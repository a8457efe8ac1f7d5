// JavaScript that evaluates many compiled expressions at once.
//
// In a large rulebook most expressions are alike but for their numbers: `features.views_7d >= 3`, `features.logins_7d >= 5`.
// Those of one shape become one loop over columns of what differs, which is little code to compile and runs as fast as one
// would write it by hand; the others are written out one after the other:
//
//   for (let i=0;i<900;i++) out[K4[i]]=((t0=F[K5[i]])>=(t1=K6[i])?1:t0<t1?0:2);
//   out[17]=((t0=num(A[2]))<(t1=30)?1:t0>=t1?0:2);

export interface Evaluated {
  /** Of cel-javascript.ts: never throws, and names but s, F, A, C, M, its temporaries and the runtime. */
  readonly javascript: string;
  readonly temporaries: number;
  /** Where in `out` its value goes. */
  readonly index: number;
}

/** Functions of (s, out) by name, and the columns that they read as K0, K1, ... */
export interface FusedCode {
  readonly source: string;
  readonly columns: readonly (Int32Array | Float64Array)[];
}

/** V8 does not optimise a function of more than 60 KB of bytecode: what is written out is cut into pieces. */
const EXPRESSIONS_PER_PIECE = 128;
/** Fewer of one shape are written out. */
const ALIKE_MIN = 6;

export const LOCALS = "const F=s.features,A=s.attributes,C=s.context,M=s.models;";

export function fuse(named: Readonly<Record<string, readonly Evaluated[]>>): FusedCode {
  const columns: (Int32Array | Float64Array)[] = [];
  const functions = Object.entries(named).map(([name, expressions]) => {
    const single: Evaluated[] = [];
    const bodies: string[] = [];
    for (const [shape, alike] of byShape(expressions)) {
      if (alike.length < ALIKE_MIN) single.push(...alike.map(({ expression }) => expression));
      else bodies.push(loop(shape, alike, columns));
    }
    for (let from = 0; from < single.length; from += EXPRESSIONS_PER_PIECE) {
      bodies.push(writtenOut(single.slice(from, from + EXPRESSIONS_PER_PIECE)));
    }
    const pieces = bodies.map((body, index) => `function ${name}${index}(s,out){${LOCALS}${body}}`);
    const calls = pieces.map((_, index) => `${name}${index}(s,out);`).join("");
    return `${pieces.join("\n")}\nfunction ${name}(s,out){${calls}}`;
  });
  const constants = columns.map((_, index) => `const K${index}=columns[${index}];`);
  return { source: [...constants, ...functions].join("\n"), columns };
}

export function declare(temporaries: number): string {
  if (temporaries === 0) return "";
  return `let ${Array.from({ length: temporaries }, (_, index) => `t${index}`).join(",")};`;
}

interface Alike {
  readonly expression: Evaluated;
  /** The numbers that its shape leaves open. */
  readonly numbers: readonly number[];
}

/** What is no number: quoted texts, and names with the digits in them. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[A-Za-z_$][\w$]*|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const DIGIT = /^\d/;
/** No text that compiles contains it. */
const OPEN = "\u0000";

function byShape(expressions: readonly Evaluated[]): ReadonlyMap<string, readonly Alike[]> {
  const found = new Map<string, Alike[]>();
  for (const expression of expressions) {
    const numbers: number[] = [];
    const shape = expression.javascript.replace(TOKEN, (token) => {
      if (!DIGIT.test(token)) return token;
      numbers.push(Number(token));
      return OPEN;
    });
    const alike = found.get(shape);
    if (alike === undefined) found.set(shape, [{ expression, numbers }]);
    else alike.push({ expression, numbers });
  }
  return found;
}

function loop(shape: string, alike: readonly Alike[], columns: (Int32Array | Float64Array)[]): string {
  const add = (column: Int32Array | Float64Array): string => `K${columns.push(column) - 1}[i]`;
  const [first] = alike as readonly [Alike, ...Alike[]];
  const parts = shape.split(OPEN);
  const expression = parts.slice(1).reduce((text, part, position) => {
    const value = first.numbers[position] as number;
    if (alike.every(({ numbers }) => numbers[position] === value)) return `${text}${value}${part}`;
    const column = alike.map(({ numbers }) => numbers[position] as number);
    return `${text}${add(text.endsWith("[") ? Int32Array.from(column) : Float64Array.from(column))}${part}`;
  }, parts[0] as string);
  const target = add(Int32Array.from(alike, ({ expression: { index } }) => index));
  return `${declare(first.expression.temporaries)}for(let i=0;i<${alike.length};i++)out[${target}]=${expression};`;
}

function writtenOut(expressions: readonly Evaluated[]): string {
  const temporaries = Math.max(...expressions.map(({ temporaries: count }) => count));
  const lines = expressions.map(({ javascript, index }) => `out[${index}]=${javascript};`);
  return `${declare(temporaries)}\n${lines.join("\n")}\n`;
}
