// Contacts that other senders have made name a group at most: to whatever counts by issue they are of that group's issue.
import type { Contact } from "../domain/contact.ts";
import type { NameHash } from "../domain/ids.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";

/** Gives contacts without an issue that of their group, where the rulebook has the group; the same array where none lacks one. */
export type WithIssues = (contacts: readonly Contact[]) => readonly Contact[];

const NO_NAME = 0 as NameHash;

export function createWithIssues({ actions }: Pick<Rulebook, "actions">): WithIssues {
  const issueOf = new Map<NameHash, NameHash>(actions.map(({ group, issue }) => [group.hash, issue.hash]));
  const lacksIssue = ({ issue, group }: Contact): boolean => issue === NO_NAME && issueOf.has(group);
  return (contacts) => {
    if (!contacts.some(lacksIssue)) return contacts;
    return contacts.map((contact) =>
      lacksIssue(contact) ? { ...contact, issue: issueOf.get(contact.group) as NameHash } : contact,
    );
  };
}
