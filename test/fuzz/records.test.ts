// What engines wrote and read again: packed profiles, checkpoints, commits, segments of the archive, what engines tell each
// other. Damage is refused in words; it never gives a profile that breaks the engine later.
import { describe, expect } from "vitest";
import { murmur128 } from "../../engine/domain/hash.ts";
import type { CommitSeq, PartitionIndex, Position, RulebookHash } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { decodeBase, encodeBase } from "../../engine/journal/base.ts";
import { decodeCommit, encodeCommit } from "../../engine/journal/commit-record.ts";
import { PEER_CHECKS, packPeer, unpackPeer } from "../../engine/peer/peer-wire.ts";
import { openSealed, seal } from "../../engine/peer/seal.ts";
import { createByteReader, createByteWriter } from "../../engine/profile/binary.ts";
import { readContact, writeContact } from "../../engine/profile/contact-codec.ts";
import { compileLayout, parseLayout } from "../../engine/profile/layout.ts";
import { createProfileStore } from "../../engine/profile/store.ts";
import { decodeSegment, encodeSegment } from "../../engine/retain/archive-segment.ts";
import { commit } from "../deliver/records.ts";
import { contact } from "../profile/contact.ts";
import { attribute, event, everyFeature, KEY, START } from "../profile/features.ts";
import { fuzzTarget } from "./fuzz-target.ts";
import { mutateBytes } from "./mutate-bytes.ts";

const LAYOUT = compileLayout(everyFeature(), [attribute(0, "segment", "string"), attribute(1, "balance", "number")]);
const NOW = (START + 86_400_000) as Instant;

function packedProfile(): Uint8Array {
  const store = createProfileStore({ layout: LAYOUT });
  store.load(KEY, undefined);
  for (let day = 0; day < 3; day++) store.fold(KEY, event("buy", START + day * 3_600_000, { amount: 5, item: "i" }));
  store.fold(KEY, event("profile_update", START, { segment: "gold", balance: 1.5 }));
  store.fold(KEY, event("case_opened", START, { caseId: "k", kind: "complaint" }));
  store.setState(KEY, { ...store.state(KEY), contacts: [contact({}), contact({ live: true })] });
  return store.pack(KEY);
}

/** With the checksum that fits: past it, everything depends on what is checked of the contents. */
function signed(bytes: Buffer): Buffer {
  const whole = Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 8)));
  if (whole.length < 16) return whole;
  whole.writeUInt32LE(whole.length / 8, 8);
  whole.writeUInt32LE(0, 12);
  const words = new Uint32Array(4);
  murmur128(whole, 0x4e425001, words);
  whole.writeUInt32LE(words[0] as number, 12);
  return whole;
}

/** Errors that say that the bytes are not what was written. */
function refusal(error: unknown, ...kinds: readonly (new (message: string) => Error)[]): string {
  if (kinds.some((kind) => error instanceof kind)) return "refused";
  throw error;
}

describe("packed profiles", () => {
  fuzzTarget({
    name: "damaged bytes are corrupt, never a profile",
    from: [packedProfile()],
    some: 500,
    many: 10_000,
    judge: (bytes) => {
      const store = createProfileStore({ layout: LAYOUT });
      const { kind } = store.load(KEY, bytes);
      if (kind !== "loaded") expect(store.has(KEY)).toBe(false);
      return kind;
    },
    expect: ["loaded", "corrupt"],
  });

  fuzzTarget({
    name: "forged ones, whose checksum fits, are corrupt or a profile that can be used",
    from: [packedProfile()],
    some: 400,
    many: 20_000,
    mutate: (packed, chance, all) => signed(mutateBytes(packed, chance, all)),
    judge: (bytes) => {
      const store = createProfileStore({ layout: LAYOUT });
      store.load(KEY, undefined);
      const before = Buffer.from(store.pack(KEY));
      const merged = store.merge(KEY, bytes, NOW, 86_400_000);
      if (merged.kind !== "merged") {
        expect(Buffer.from(store.pack(KEY)).equals(before)).toBe(true);
        return merged.kind;
      }
      const other = createProfileStore({ layout: LAYOUT });
      expect(other.load(KEY, bytes).kind).toBe("loaded");
      other.state(KEY);
      other.fold(KEY, event("buy", NOW, { amount: 1, item: "j" }));
      other.features(KEY, NOW, new Float64Array(LAYOUT.reads.length));
      expect(createProfileStore({ layout: LAYOUT }).load(KEY, other.pack(KEY)).kind).toBe("loaded");
      return merged.kind;
    },
    expect: ["merged", "corrupt"],
  });

  fuzzTarget({
    name: "contacts: read as written, or refused",
    from: [contactBytes()],
    some: 1_000,
    many: 20_000,
    judge: (bytes) => {
      try {
        const read = readContact(createByteReader(bytes));
        const to = createByteWriter();
        writeContact(to, read);
        return to.take().length > 0 ? "contact" : "nothing";
      } catch (error) {
        return refusal(error, RangeError);
      }
    },
    expect: ["contact", "refused"],
  });

  fuzzTarget({
    name: "the description of a layout: a layout, or refused",
    from: [LAYOUT.describe()],
    some: 300,
    many: 5_000,
    judge: (bytes) => {
      try {
        return parseLayout(bytes.toString()).registers.length >= 0 ? "layout" : "nothing";
      } catch (error) {
        return refusal(error, SyntaxError, TypeError, RangeError);
      }
    },
    expect: ["layout", "refused"],
  });
});

function contactBytes(): Uint8Array {
  const to = createByteWriter();
  writeContact(to, contact({ live: true, rank: 3 }));
  return to.take();
}

describe("journal and archive", () => {
  const { decisions } = commit(7, [{ customer: "c-17", channel: "app", items: 2 }]);
  const record = {
    position: `${START}-0` as Position,
    now: START as Instant,
    decisions,
    withdrawals: [],
    learned: [{ treatment: 5 as never, trials: 1, positives: 0 }],
  };
  const base = {
    seq: 4 as CommitSeq,
    position: `${START}-0` as Position,
    rulebook: "a".repeat(64) as RulebookHash,
    skewMs: 0,
    lastNow: START as Instant,
    seenHead: 3,
    counts: { folded: 1, duplicate: 0, dead: 0, internal: 0 },
    learned: [],
    quotas: [],
    campaigns: [],
    outbox: [],
    erasing: [],
  };

  fuzzTarget({
    name: "a commit: decoded, or an error that says so",
    from: [encodeCommit(record), encodeCommit({ ...record, after: 3 as CommitSeq, decisions: [] })],
    some: 800,
    many: 20_000,
    judge: (bytes) => {
      try {
        return Array.isArray(decodeCommit(bytes).decisions) ? "commit" : "nothing";
      } catch (error) {
        return refusal(error, Error);
      }
    },
    expect: ["commit", "refused"],
  });

  fuzzTarget({
    name: "a checkpoint: decoded, or an error that says so",
    from: [encodeBase(base)],
    some: 800,
    many: 10_000,
    judge: (bytes) => {
      try {
        return Array.isArray(decodeBase(bytes).outbox) ? "base" : "nothing";
      } catch (error) {
        return refusal(error, Error);
      }
    },
    expect: ["base", "refused"],
  });

  const head = {
    kind: "log",
    partition: 0 as PartitionIndex,
    first: "1-0",
    last: "2-0",
    count: 2,
    ordinal: 0,
  } as const;
  const entry = (id: string): Buffer[] => [Buffer.from(id), Buffer.from("d"), Buffer.from('{"id":"e-1"}')];
  let segment: Buffer = Buffer.alloc(0);
  fuzzTarget({
    name: "a segment of the archive: every byte as written, or an error that names the file",
    from: [Buffer.alloc(0)],
    some: 300,
    many: 5_000,
    mutate: (_, chance) => (chance.below(20) === 0 ? segment : mutateBytes(segment, chance)),
    judge: async (bytes) => {
      if (segment.length === 0) segment = await encodeSegment(head, [entry("1-0"), entry("2-0")]);
      try {
        const read = await decodeSegment(bytes, "a/file.gz");
        expect(read.entries.map((each) => each.map(String))).toEqual(
          [entry("1-0"), entry("2-0")].map((e) => e.map(String)),
        );
        return "segment";
      } catch (error) {
        expect((error as Error).message).toMatch(/^archive a\/file\.gz: /);
        return "refused";
      }
    },
    expect: ["segment", "refused"],
  });
});

describe("what engines tell each other", () => {
  const secret = Buffer.alloc(32, 7);
  const asked = packPeer({ key: "c-17", channel: "app", placements: [{ name: "home" }], context: {}, deadlineMs: 25 });
  fuzzTarget({
    name: "a changed seal is refused",
    from: [seal(secret, "POST /v1/peer/ask", asked, START)],
    some: 1_000,
    many: 10_000,
    judge: (bytes) => openSealed(secret, "POST /v1/peer/ask", bytes, START, 30_000).kind,
    expect: ["opened", "refused"],
  });

  fuzzTarget({
    name: "signed garbage is refused, or a request",
    from: [asked, packPeer({ keys: ["c-17"] }), packPeer({ events: [{ id: "e", key: "c-17", props: { f: 1 } }] })],
    some: 2_000,
    many: 20_000,
    judge: (bytes, chance) => {
      let value: unknown;
      try {
        value = unpackPeer(bytes);
      } catch (error) {
        return refusal(error, Error);
      }
      return chance.pick(Object.values(PEER_CHECKS))(value).kind;
    },
    expect: ["valid", "invalid", "refused"],
  });
});
