// A packed profile as Redis or a `$merge` holds it, decoded: what it says, and of which commit.
import type { CommitSeq } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Layout } from "../profile/layout.ts";
import { readFeatures } from "../profile/read.ts";
import { type Cursor, coldOf, layoutHashOf, recordFault, reflectsOf, unpackRecord } from "../profile/record.ts";
import type { LayoutDescriptor } from "../profile/shape.ts";
import { decodeState, type ProfileState } from "../profile/state.ts";
import type { BookShelf } from "./book-shelf.ts";
import { type PackedNumbers, packedNumbers } from "./packed-numbers.ts";

export interface StoredProfile {
  readonly seq: CommitSeq;
  readonly descriptor: LayoutDescriptor;
  /** Attributes by their index in the descriptor. */
  readonly state: ProfileState;
  readonly numbers: PackedNumbers;
  /** By FeatureIndex of a rulebook of this very layout. */
  readonly features: (layout: Layout, now: number) => Float64Array;
}

/** Or what is wrong with the bytes. */
export async function readStored(bytes: Uint8Array, shelf: BookShelf): Promise<StoredProfile | string> {
  const record = unpackRecord(bytes);
  if (typeof record === "string") return record;
  const hash = layoutHashOf(record);
  const descriptor = shelf.ofLayout(hash)?.layout ?? (await shelf.layout(hash));
  if (descriptor === undefined) return `its layout ${hash} is not known to this Redis`;
  const fault = recordFault(record, descriptor);
  if (fault !== undefined) return fault;
  try {
    return decoded(record, descriptor);
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

function decoded(record: Cursor, descriptor: LayoutDescriptor): StoredProfile {
  return {
    seq: reflectsOf(record),
    descriptor,
    state: decodeState(coldOf(record, descriptor), descriptor),
    numbers: packedNumbers(record, descriptor),
    features: (layout, now) => {
      const out = new Float64Array(layout.reads.length);
      readFeatures(record, layout, now as Instant, out);
      return out;
    },
  };
}
