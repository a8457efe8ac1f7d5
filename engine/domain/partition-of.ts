// Which partition a customer belongs to: CRC16/XMODEM as Redis Cluster computes its slots, without the hash-tag rule.
import type { CustomerKey, PartitionIndex } from "./ids.ts";

const POLYNOMIAL = 0x1021;
const TABLE = crcTable();
const encoder = new TextEncoder();

/** `crc16(UTF-8 bytes of key) mod partitions`. `partitions` is a whole number in 1..65,536. */
export function partitionOf(key: CustomerKey, partitions: number): PartitionIndex {
  let crc = 0;
  for (let index = 0; index < key.length; index++) {
    const unit = key.charCodeAt(index);
    if (unit > 0x7f) return (crc16(encoder.encode(key)) % partitions) as PartitionIndex;
    crc = step(crc, unit);
  }
  return (crc % partitions) as PartitionIndex;
}

/**
 * CRC16/XMODEM of the bytes `from` to before `end`: polynomial 0x1021, not reflected, no final xor. `before`: the CRC of what
 * comes before them. 0..65,535.
 */
export function crc16(bytes: Uint8Array, from = 0, end = bytes.length, before = 0): number {
  let crc = before;
  for (let index = from; index < end; index++) crc = step(crc, bytes[index] as number);
  return crc;
}

function step(crc: number, byte: number): number {
  return ((crc << 8) ^ (TABLE[(crc >>> 8) ^ byte] as number)) & 0xffff;
}

function crcTable(): Uint16Array {
  const table = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
    table[byte] = crc;
  }
  return table;
}
