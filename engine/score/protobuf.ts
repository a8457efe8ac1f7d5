// Reads the wire format of Protocol Buffers, strictly: no groups, no lengths beyond the end, nothing left over.
// https://protobuf.dev/programming-guides/encoding/

export interface Field {
  readonly number: number;
  /** Of a varint; 0n for others. */
  readonly varint: bigint;
  /** Content of a length-delimited field; undefined for others. */
  readonly bytes: Uint8Array | undefined;
}

/** Thrown where the bytes are no message. */
export class NotProtobuf extends Error {
  override readonly name = "NotProtobuf";
}

/** Each field in turn. Throws NotProtobuf. */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  const cursor = { at: 0 };
  while (cursor.at < message.length) {
    const tag = readVarint(message, cursor);
    const number = Number(tag >> 3n);
    if (number < 1 || number > 0x1fffffff) throw new NotProtobuf("a field has no number");
    switch (Number(tag & 7n)) {
      case 0:
        yield { number, varint: readVarint(message, cursor), bytes: undefined };
        break;
      case 1:
        skip(message, cursor, 8);
        yield { number, varint: 0n, bytes: undefined };
        break;
      case 2: {
        const length = readVarint(message, cursor);
        if (length > BigInt(message.length - cursor.at)) throw new NotProtobuf("a field is longer than the bytes");
        const end = cursor.at + Number(length);
        yield { number, varint: 0n, bytes: message.subarray(cursor.at, end) };
        cursor.at = end;
        break;
      }
      case 5:
        skip(message, cursor, 4);
        yield { number, varint: 0n, bytes: undefined };
        break;
      default:
        throw new NotProtobuf("a field has a type that is not in use");
    }
  }
}

const VARINT_BYTES_MAX = 10;

function readVarint(message: Uint8Array, cursor: { at: number }): bigint {
  let value = 0n;
  for (let index = 0; index < VARINT_BYTES_MAX; index++) {
    const byte = message[cursor.at++];
    if (byte === undefined) throw new NotProtobuf("the bytes end too early");
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return value;
  }
  throw new NotProtobuf("a number is too long");
}

function skip(message: Uint8Array, cursor: { at: number }, bytes: number): void {
  cursor.at += bytes;
  if (cursor.at > message.length) throw new NotProtobuf("the bytes end too early");
}
