// What one engine asks another: only what needs the memory of the owner. Everything else is in Redis, for anyone to read.
import { Packr } from "msgpackr";
import Type from "typebox";
import { createCheck } from "../deliver/check-body.ts";
import type { CustomerEvent } from "../domain/event.ts";
import type { CustomerKey } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Appended, Ask, AskAnswer, CustomerLook, Simulated, Simulation } from "../engine.ts";

/** By the last segment of the path: what is sent, and what comes back where nothing stands in the way. */
export interface PeerCalls {
  readonly ask: { readonly sent: Ask; readonly told: AskAnswer };
  readonly look: { readonly sent: { readonly key: CustomerKey }; readonly told: CustomerLook | undefined };
  readonly simulate: { readonly sent: Simulation; readonly told: Simulated };
  readonly now: { readonly sent: { readonly keys: readonly CustomerKey[] }; readonly told: readonly Instant[] };
  readonly append: {
    readonly sent: { readonly events: readonly CustomerEvent[] };
    readonly told: readonly Appended[];
  };
}
export type PeerCall = keyof PeerCalls;

/** `unavailable`: it does not own the partition (any more), or cannot answer now. */
export type Told<Value> =
  | { readonly kind: "told"; readonly value: Value }
  | { readonly kind: "unavailable" | "overloaded" | "failed"; readonly why: string };

/** Keys of one `now`, and events of one `append`. */
export const PEER_LIST_MAX = 10_000;

const loose = { additionalProperties: true };
const Key = Type.String({ minLength: 1, maxLength: 300 });
const Placements = Type.Array(Type.Object({ name: Type.String() }, loose), { minItems: 1, maxItems: 64 });
const Names = Type.Record(Type.String(), Type.Unknown());

/** The sender is an engine, and signed it: that each part is there is all that is checked. */
export const PEER_CHECKS = {
  ask: createCheck(
    Type.Object(
      { key: Key, channel: Type.String(), placements: Placements, context: Names, deadlineMs: Type.Number() },
      loose,
    ),
  ),
  look: createCheck(Type.Object({ key: Key }, loose)),
  simulate: createCheck(
    Type.Object(
      {
        key: Key,
        direction: Type.Enum(["inbound", "outbound"]),
        placements: Placements,
        context: Names,
        suppose: Type.Object(
          {
            attributes: Names,
            features: Names,
            models: Names,
            consents: Type.Array(Names),
            contacts: Type.Enum(["keep", "none"]),
          },
          loose,
        ),
      },
      loose,
    ),
  ),
  now: createCheck(Type.Object({ keys: Type.Array(Key, { maxItems: PEER_LIST_MAX }) }, loose)),
  append: createCheck(
    Type.Object(
      {
        events: Type.Array(
          Type.Object(
            {
              id: Type.String(),
              type: Type.String(),
              key: Key,
              ts: Type.Number(),
              source: Type.String(),
              props: Names,
            },
            loose,
          ),
          { maxItems: PEER_LIST_MAX },
        ),
      },
      loose,
    ),
  ),
} as const;

// `moreTypes` keeps typed arrays as they are; undefined, NaN and infinities arrive as they were. -0 arrives as 0, as in the journal.
const packr = new Packr({ useRecords: false, moreTypes: true, encodeUndefinedAsNil: false });

export function packPeer(value: unknown): Buffer {
  return Buffer.from(packr.pack(value));
}

/** Throws where the bytes are no MessagePack. Only for what was opened by its seal. */
export function unpackPeer(bytes: Uint8Array): unknown {
  return packr.unpack(bytes);
}
