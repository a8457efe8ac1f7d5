// Random bits for ids, drawn for many ids at once: drawing them one by one was 7 % of an engine that refuses most asks.
import { randomBytes } from "node:crypto";

/** 14 bytes from the system's source, others at each call. */
export type RandomBits = () => Buffer;

export const RANDOM_BYTES = 14;
const DRAWN_AT_ONCE = 256;

/** For one now and then. */
export const drawSingly: RandomBits = () => randomBytes(RANDOM_BYTES);

/** Belongs to one engine: what it draws does not depend on what ran before in the same process. */
export function createRandomBits(): RandomBits {
  let drawn = Buffer.alloc(0);
  let at = 0;
  return () => {
    if (at === drawn.length) {
      drawn = randomBytes(RANDOM_BYTES * DRAWN_AT_ONCE);
      at = 0;
    }
    at += RANDOM_BYTES;
    return drawn.subarray(at - RANDOM_BYTES, at);
  };
}
