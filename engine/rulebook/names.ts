// Names that files refer to: unique, known, and without two of them sharing a hash.
import { nameHash } from "../domain/hash.ts";
import type { NameHash } from "../domain/ids.ts";
import type { FaultLog } from "./fault.ts";
import type { Place } from "./place.ts";
import { suggest } from "./suggest.ts";

type HashedKind = Parameters<typeof nameHash>[0];

/** The names of one kind, e.g. all channels. */
export interface NameTable {
  /** Declares a name; reports one that is taken, or whose 32-bit hash is. */
  readonly declare: (name: string, place: Place) => NameHash;
  /** The hash of a declared name; reports an unknown one. */
  readonly refer: (name: string, place: Place) => NameHash | undefined;
  readonly all: () => readonly string[];
}

export function createNameTable(
  kind: HashedKind,
  faults: FaultLog,
  hash: (kind: HashedKind, name: string) => NameHash = nameHash,
): NameTable {
  const places = new Map<string, Place>();
  const hashes = new Map<NameHash, string>();
  return {
    declare: (name, place) => {
      const hashed = hash(kind, name);
      const earlier = places.get(name);
      const other = hashes.get(hashed);
      if (earlier !== undefined) {
        faults.add(
          place,
          `${kind} ${JSON.stringify(name)} is declared twice, first at ${earlier.file}:${earlier.line}: keep one`,
        );
      } else if (other !== undefined) {
        faults.add(
          place,
          `${kind} ${JSON.stringify(name)} has the same hash as ${JSON.stringify(other)}: rename one of them`,
        );
      }
      if (earlier === undefined) places.set(name, place);
      hashes.set(hashed, name);
      return hashed;
    },
    refer: (name, place) => {
      if (places.has(name)) return hash(kind, name);
      faults.add(place, `unknown ${kind} ${JSON.stringify(name)}${suggest(name, places.keys())}`);
      return undefined;
    },
    all: () => [...places.keys()],
  };
}

/** Reports an id that was declared before. For what is known by its id alone. */
export function createIdSet(noun: string, faults: FaultLog): (id: string, place: Place) => void {
  const ids = new Set<string>();
  return (id, place) => {
    if (ids.has(id)) faults.add(place, `${noun} ${JSON.stringify(id)} is declared twice: keep one`);
    ids.add(id);
  };
}
