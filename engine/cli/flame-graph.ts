// What Node's own profiler has sampled, as a flame graph in one SVG file, and as a list of where the time itself went.

/** A .cpuprofile, as --cpu-prof and the inspector write it. Times are microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** One function beneath those that called it. */
export interface Frame {
  readonly name: string;
  /** Microseconds in it alone; with all that it called. */
  self: number;
  total: number;
  readonly called: Map<string, Frame>;
}

/** What is no work of the thread: left out of the graph. */
const WAITING: ReadonlySet<string> = new Set(["(idle)", "(program)"]);

/** The sampled calls put together by function, the waiting left out. */
export function framesOf(profile: CpuProfile): Frame {
  const selfOf = new Map<number, number>();
  for (const [at, id] of profile.samples.entries()) {
    selfOf.set(id, (selfOf.get(id) ?? 0) + (profile.timeDeltas[at] as number));
  }
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const root: Frame = { name: "all", self: 0, total: 0, called: new Map() };
  const add = (id: number, parent: Frame): number => {
    const node = byId.get(id);
    if (node === undefined || WAITING.has(node.callFrame.functionName)) return 0;
    const frame = frameIn(parent, nameOf(node.callFrame));
    const self = selfOf.get(id) ?? 0;
    let total = self;
    for (const child of node.children ?? []) total += add(child, frame);
    frame.self += self;
    frame.total += total;
    return total;
  };
  for (const child of profile.nodes[0]?.children ?? []) root.total += add(child, root);
  return root;
}

function frameIn(parent: Frame, name: string): Frame {
  const known = parent.called.get(name);
  if (known !== undefined) return known;
  const made: Frame = { name, self: 0, total: 0, called: new Map() };
  parent.called.set(name, made);
  return made;
}

function nameOf({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  const file = url.replace(/^.*\/(?:dist|node_modules)\//, "").replace(/^file:\/\/.*\//, "");
  return file === "" ? name : `${name} ${file}:${lineNumber + 1}`;
}

export interface Hot {
  readonly name: string;
  /** Of all time that was no waiting, in [0, 1]: in the function alone; anywhere beneath it. */
  readonly self: number;
  readonly total: number;
}

/** By function, wherever it was called from: most time in itself first. */
export function hottest(root: Frame, countMax: number): readonly Hot[] {
  const sums = new Map<string, { self: number; total: number }>();
  const open = new Set<string>();
  const visit = (frame: Frame): void => {
    const sum = sums.get(frame.name) ?? { self: 0, total: 0 };
    sums.set(frame.name, sum);
    sum.self += frame.self;
    const isOutermost = !open.has(frame.name);
    if (isOutermost) sum.total += frame.total;
    open.add(frame.name);
    for (const child of frame.called.values()) visit(child);
    if (isOutermost) open.delete(frame.name);
  };
  for (const child of root.called.values()) visit(child);
  return [...sums]
    .map(([name, { self, total }]) => ({ name, self: self / root.total, total: total / root.total }))
    .sort((a, b) => b.self - a.self)
    .slice(0, countMax);
}

const WIDTH = 1_600;
const ROW = 17;
/** Narrower frames could not be seen. */
const LEAST = 0.4;

/** Callers below what they called, as wide as their share of the time; names and shares appear under the pointer. */
export function flameGraph(root: Frame, title: string): string {
  const boxes: string[] = [];
  let deepest = 0;
  const draw = (frame: Frame, left: number, depth: number): void => {
    const width = (frame.total / root.total) * WIDTH;
    if (width < LEAST) return;
    deepest = Math.max(deepest, depth);
    boxes.push(box(frame, left, depth, width, root.total));
    let at = left;
    for (const child of [...frame.called.values()].sort((a, b) => b.total - a.total)) {
      draw(child, at, depth + 1);
      at += (child.total / root.total) * WIDTH;
    }
  };
  draw(root, 0, 0);
  const height = (deepest + 3) * ROW;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`,
    ` font-family="monospace" font-size="11"><text x="4" y="13">${escaped(title)}</text>`,
    `<g transform="translate(0 ${height - ROW}) scale(1 1)">${boxes.join("")}</g></svg>\n`,
  ].join("");
}

function box(frame: Frame, left: number, depth: number, width: number, all: number): string {
  const y = -depth * ROW;
  const share = `${((frame.total / all) * 100).toFixed(1)} %, itself ${((frame.self / all) * 100).toFixed(1)} %`;
  const letters = Math.floor((width - 4) / 6.7);
  const label =
    letters < 3
      ? ""
      : `<text x="${(left + 2).toFixed(1)}" y="${y + 12}">${escaped(frame.name.slice(0, letters))}</text>`;
  return (
    `<g><title>${escaped(frame.name)}: ${share}</title><rect x="${left.toFixed(1)}" y="${y}" width="${width.toFixed(1)}"` +
    ` height="${ROW - 1}" fill="${colourOf(frame.name)}"/>${label}</g>`
  );
}

/** Of the engine warm, of Node and its packages cool; a function has the same in every graph. */
function colourOf(name: string): string {
  let sum = 0;
  for (let at = 0; at < name.length; at++) sum = (sum * 31 + name.charCodeAt(at)) % 997;
  return / (?:engine|bench|test)\//.test(name) ? `hsl(${sum % 45} 85% 65%)` : `hsl(${190 + (sum % 50)} 45% 75%)`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
