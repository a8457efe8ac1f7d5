// What the Redis user of an engine may do: the commands that engines send, on the keys that they keep, and nothing else.
import { commandNames } from "./command-table.ts";

/** Patterns of every key that an engine touches. */
const KEYS = [
  "nba:*",
  "{nba:*",
  ...["clickstream", "transactions", "outcomes"].flatMap((stream) => [stream, `{${stream}}:rewriting`]),
] as const;

/** The rule for `ACL SETUSER <name> on ><password> ...`, or a line of an ACL file. No channels, no other keys, no other commands. */
export function engineAclRule(): readonly string[] {
  const keys = KEYS.map((pattern) => `~${pattern}`);
  return ["resetkeys", "resetchannels", "-@all", ...keys, ...commandNames().map((name) => `+${name}`)];
}
