// What one YAML text says, as values that can be sent from thread to thread: its plain value, and where each part of it is
// written; or what is wrong with it.
import type { PlaceTable } from "./place-table.ts";

export type Reading =
  | { readonly kind: "read"; readonly value: unknown; readonly places: PlaceTable }
  | { readonly kind: "unread"; readonly faults: readonly ReadingFault[] };

/** As a fault of a rulebook, but for the name of the file. */
export interface ReadingFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}
