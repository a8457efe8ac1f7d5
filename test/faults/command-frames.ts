// The requests of a Redis client one by one, however they were cut into pieces on the way.

/** Feed it what arrives; it gives back the commands that are whole now, each with its bytes as they came. */
export function createCommandFrames(): (piece: Buffer) => readonly Buffer[] {
  let rest: Buffer = Buffer.alloc(0);
  return (piece) => {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const whole: Buffer[] = [];
    for (let length = lengthOf(rest); length !== undefined; length = lengthOf(rest)) {
      whole.push(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    return whole;
  };
}

/** Of the first command, `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`; undefined where it is not whole yet. */
function lengthOf(bytes: Buffer): number | undefined {
  const elements = numberAt(bytes, 0, "*");
  if (elements === undefined) return undefined;
  let at = elements.end;
  for (let left = elements.value; left > 0; left--) {
    const size = numberAt(bytes, at, "$");
    if (size === undefined) return undefined;
    at = size.end + size.value + 2;
  }
  return at <= bytes.length ? at : undefined;
}

function numberAt(bytes: Buffer, at: number, mark: string): { value: number; end: number } | undefined {
  const end = bytes.indexOf("\r\n", at);
  if (end < 0) return undefined;
  const line = bytes.toString("latin1", at, end);
  if (!line.startsWith(mark)) throw new Error(`a client sent "${line}" where "${mark}<number>" would be right`);
  return { value: Number(line.slice(1)), end: end + 2 };
}
