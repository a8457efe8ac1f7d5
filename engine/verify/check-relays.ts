// What a commit sends to the logs of other partitions, against what its entries bring about. A packed profile that goes along is
// compared as a stored one is: so the receiver's reading may build upon it.
import type { CommitSeq } from "../domain/ids.ts";
import type { Relay } from "../journal/commit-record.ts";
import type { CommitCheck } from "./check-commit.ts";
import { compareKnown } from "./compare-known.ts";
import { readStored } from "./stored-profile.ts";
import type { ToldRelay } from "./telling.ts";

export async function checkRelays(check: CommitCheck, seq: CommitSeq, relays: readonly Relay[]): Promise<void> {
  const { telling, differ } = check;
  const { relays: expected, isWhole } = telling.brought;
  if (!isWhole) return;
  for (let nth = 0; nth < Math.max(relays.length, expected.length); nth++) {
    const [found, told] = [relays[nth], expected[nth]];
    const name = `commit ${seq}: entry ${nth} for other partitions`;
    if (found === undefined || told === undefined || fieldsOf(found) !== fieldsOf(told)) {
      differ("S1", undefined, name, found && fieldsOf(found), told && fieldsOf(told));
    } else if (told.packed !== undefined) {
      await checkPacked(check, name, found, told.packed);
    }
  }
}

async function checkPacked(
  { telling, shelf, differ }: CommitCheck,
  name: string,
  { fields }: Relay,
  known: NonNullable<ToldRelay["packed"]>,
): Promise<void> {
  const bytes = packedIn(fields);
  const stored = bytes === undefined ? "is missing" : await readStored(bytes, shelf);
  if (typeof stored === "string") {
    differ("S5", known.key, `${name}: packed profile`, stored, "a packed profile");
    return;
  }
  const book = shelf.ofLayout(stored.descriptor.hash);
  compareKnown(known, stored, book, telling.clock, (field, found, expected) =>
    differ("S5", known.key, `${name}: ${field}`, found, expected),
  );
}

/** Of a `$merge`: the profile that it brings along. */
function packedIn(fields: Relay["fields"]): Buffer | undefined {
  for (let at = 0; at + 1 < fields.length; at += 2) {
    if (text(fields[at]) === "b") return Buffer.from(fields[at + 1] as Buffer);
  }
  return undefined;
}

/** Names and values, without a packed profile. */
function fieldsOf({ to, fields }: Pick<Relay, "to" | "fields">): string {
  const source = text(fields[1]);
  const parts: string[] = [`to ${to}`];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const isPacked = source === "$merge" && text(fields[at]) === "b";
    if (!isPacked) parts.push(`${text(fields[at])}=${Buffer.from(fields[at + 1] as Buffer).toString("hex")}`);
  }
  return parts.join(" ");
}

function text(field: string | Buffer | undefined): string {
  return Buffer.from(field ?? "").toString("latin1");
}
