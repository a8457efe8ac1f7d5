// A curve: what a piece of work costs as one number grows. Drawn as plain SVG, both axes logarithmic: flat means that growth
// costs nothing, a straight rise of one decade for each decade that it costs in proportion.
export interface Point {
  readonly x: number;
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface Curve {
  /** Also the name of its file. */
  readonly name: string;
  readonly title: string;
  /** What grows. */
  readonly along: string;
  readonly unit: string;
  readonly points: readonly Point[];
}

const WIDTH = 480;
const HEIGHT = 260;
const LEFT = 70;
const RIGHT = 20;
const TOP = 34;
const BOTTOM = 46;

/** Of at least two points with numbers above 0; `x` may be 0. Throws else. */
export function drawCurve({ title, along, unit, points }: Curve): string {
  const xs = points.map(({ x }) => x);
  const ys = points.flatMap(({ least, most }) => [least, most]);
  const smallest = Math.min(...xs.filter((value) => value > 0));
  /** None at all has no place on such an axis: a decade before the first. */
  const placeOf = (value: number): number => (value === 0 ? smallest / 10 : value);
  if (points.length < 2 || Math.min(...xs) < 0 || Math.min(...ys) <= 0)
    throw new Error(`"${title}" has nothing to draw`);
  const scaled = scale(Math.min(...xs.map(placeOf)), Math.max(...xs), LEFT, WIDTH - RIGHT);
  const x = (value: number): number => scaled(placeOf(value));
  // Whole decades, so that no noise looks like a slope.
  const [low, high] = [
    10 ** Math.floor(Math.log10(Math.min(...ys))),
    10 ** Math.ceil(Math.log10(Math.max(...ys) * 1.01)),
  ];
  const y = scale(low, high, HEIGHT - BOTTOM, TOP);
  const line = points.map((point) => `${x(point.x)},${y(point.median)}`).join(" ");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">`,
    `<title>${escaped(`${title}, ${unit}, by ${along}`)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="18" font-size="13">${escaped(`${title}, ${unit}`)}</text>`,
    ...decades(low, high).map(
      (value) =>
        `<path d="M${LEFT} ${y(value)}H${WIDTH - RIGHT}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${short(value)}</text>`,
    ),
    ...points.map(
      (point) =>
        `<path d="M${x(point.x)} ${y(point.least)}V${y(point.most)}" stroke="#2266aa" stroke-opacity="0.5"/>` +
        `<circle cx="${x(point.x)}" cy="${y(point.median)}" r="3" fill="#2266aa"/>` +
        `<text x="${x(point.x)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${short(point.x)}</text>`,
    ),
    `<polyline points="${line}" fill="none" stroke="#2266aa" stroke-width="1.5"/>`,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escaped(along)}</text>`,
    "</svg>\n",
  ].join("\n");
}

function scale(from: number, to: number, start: number, end: number): (value: number) => number {
  const [low, high] = [Math.log10(from), Math.log10(to)];
  return (value) => Math.round((start + ((Math.log10(value) - low) / (high - low || 1)) * (end - start)) * 10) / 10;
}

function decades(low: number, high: number): readonly number[] {
  const count = Math.round(Math.log10(high / low));
  return Array.from({ length: count + 1 }, (_, index) => low * 10 ** index);
}

/** 2500 -> 2.5k */
function short(value: number): string {
  if (value >= 1_000_000) return `${value / 1_000_000}M`;
  if (value >= 1_000) return `${value / 1_000}k`;
  return String(Number(value.toPrecision(3)));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
