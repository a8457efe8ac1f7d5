import type { PartitionIndex } from "../domain/ids.ts";

/** Trouble of the surroundings, as opposed to a bug: what it concerns is dropped and recovered, a partition or the session. */
export class SessionTrouble extends Error {
  override readonly name = "SessionTrouble";
}

/** The engine does not own its partitions now; asking again after a moment may help. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

export function isTrouble(error: unknown): error is Error {
  // Redis refusing a command (LOADING, READONLY, OOM ...) is its trouble, not ours.
  const isServerError = error instanceof Error && error.constructor.name === "SimpleError";
  return error instanceof Error && (isServerError || ["SessionTrouble", "RedisTrouble"].includes(error.name));
}

export function whyNotHere(partition: PartitionIndex): string {
  return `partition ${partition} is not looked after by this engine just now`;
}
