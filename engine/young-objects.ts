// How V8 is to allocate in an engine.
import { setFlagsFromString } from "node:v8";

/**
 * Everything begins young. V8 looks which literals make what survives a collection, and from then on makes it among the old
 * objects at once, which only a full collection frees. Drafts and lists of a step do survive, for they wait for Redis. A dead
 * one among the old objects then keeps each decision alive that was put into it, until a full collection that marks on both
 * cores for a tenth of a second (W85). To be called before anything is hot; concerns the whole process.
 */
export function beginYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
