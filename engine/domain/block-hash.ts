// MurmurHash3 x86 128-bit (Austin Appleby, public domain) over words as they come, without a buffer of bytes between.
import { finish128, mix128 } from "./hash.ts";

const CANONICAL_NAN_HIGH = 0x7ff80000;

/** Little endian on every machine that Node runs on, as the byte form of the hash is. */
const float = new Float64Array(1);
const halves = new Int32Array(float.buffer);

/** Used again for the next text: `open` starts over. */
export class BlockHash {
  private readonly state = new Int32Array(4);
  private readonly words = new Uint32Array(4);
  private blocks = 0;

  open(seed: number): void {
    this.state.fill(seed);
    this.blocks = 0;
  }

  /** Four words of 32 bits. */
  mix(a: number, b: number, c: number, d: number): void {
    mix128(this.state, a, b, c, d);
    this.blocks++;
  }

  /** A block of two doubles: every NaN is the same, and so are both zeros. */
  mixNumbers(first: number, second: number): void {
    float[0] = first + 0;
    const firstLow = Number.isNaN(first) ? 0 : (halves[0] as number);
    const firstHigh = Number.isNaN(first) ? CANONICAL_NAN_HIGH : (halves[1] as number);
    float[0] = second + 0;
    const secondLow = Number.isNaN(second) ? 0 : (halves[0] as number);
    const secondHigh = Number.isNaN(second) ? CANONICAL_NAN_HIGH : (halves[1] as number);
    this.mix(firstLow, firstHigh, secondLow, secondHigh);
  }

  /** 32 characters. */
  hex(): string {
    finish128(this.state, this.blocks << 4, this.words);
    let text = "";
    for (const word of this.words) text += word.toString(16).padStart(8, "0");
    return text;
  }
}
