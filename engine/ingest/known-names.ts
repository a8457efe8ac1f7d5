// Names and types of events, which are few and come with every event: found by their bytes, so that no text is made of them
// again, and being the same object each time they are compared and looked up by their address.
import { PROP_NAME_LENGTH_MAX } from "./bounds.ts";

/** A power of two. Where two names want the same place the later one has it: any number of them may come. */
const PLACES = 1_024;
/** No name that is looked up is longer. */
const LENGTH_MAX = PROP_NAME_LENGTH_MAX;

const names: string[] = new Array(PLACES).fill("");
const letters = new Uint8Array(PLACES * LENGTH_MAX);

/** The text of these bytes, which are of ASCII, 1 to 64 of them. */
export function nameIn(bytes: Buffer, from: number, end: number): string {
  let hash = 0x811c9dc5;
  for (let at = from; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  const place = (hash ^ (hash >>> 15)) & (PLACES - 1);
  const known = names[place] as string;
  if (known.length === end - from && isAt(place, bytes, from, end)) return known;
  const name = lasting(bytes.toString("latin1", from, end));
  names[place] = name;
  letters.set(bytes.subarray(from, end), place * LENGTH_MAX);
  return name;
}

/** The text of all these bytes, whatever they are. */
export function nameOf(bytes: Buffer): string {
  const { length } = bytes;
  if (length === 0 || length > LENGTH_MAX) return bytes.toString("utf8");
  for (let at = 0; at < length; at++) if ((bytes[at] as number) > 0x7f) return bytes.toString("utf8");
  return nameIn(bytes, 0, length);
}

function isAt(place: number, bytes: Buffer, from: number, end: number): boolean {
  const first = place * LENGTH_MAX - from;
  for (let at = from; at < end; at++) if (letters[first + at] !== bytes[at]) return false;
  return true;
}

/** The one object that all equal names of properties are. */
function lasting(name: string): string {
  const holder: Record<string, number> = Object.create(null); // with a prototype each name would leave a shape behind
  holder[name] = 0;
  return Object.keys(holder)[0] as string;
}
