import { describe, expect, it } from "vitest";
import { ANYONE, type Caller, isLetIn, mayFollow, reaches } from "../../../engine/deliver/auth/caller.ts";
import type { Scope } from "../../../engine/deliver/auth/scopes.ts";
import { customerKey } from "../../../engine/domain/ids.ts";

const caller = (scopes: readonly Scope[], ...topics: string[]): Caller => ({
  id: "jwt:somebody",
  scopes: new Set(scopes),
  topics: new Set(topics),
  expiresAt: Number.POSITIVE_INFINITY,
  perSecond: undefined,
});

describe("ACC-2 what a caller reaches", () => {
  it.each<[readonly Scope[], string[], string, boolean]>([
    [["agent"], ["customer/c-1"], "c-1", true],
    [["agent"], ["customer/c-1"], "c-12", false],
    [["agent"], ["customer/*"], "c-12", true],
    [["agent"], ["customer/c*"], "c-1", false],
    [["agent"], ["*"], "c-1", false],
    [["agent"], ["queue/*"], "c-1", false],
    [["agent"], ["customer/c-1/*"], "c-1/x", false],
    [["agent"], [], "c-1", false],
    [[], ["customer/c-1"], "c-1", false],
    [["decide"], [], "c-1", true],
    [["admin"], [], "c-1", true],
    [["events"], ["customer/c-1"], "c-1", false],
    [["metrics"], ["customer/*"], "c-1", false],
  ])("%j of %j reaches %s: %s", (scopes, topics, key, expected) => {
    expect(reaches(caller(scopes, ...topics), ["decide", "agent"], customerKey(key))).toBe(expected);
  });

  it("follows its own topics; the feed is for admin, whatever the topics say", () => {
    const agent = caller(["agent"], "customer/c-1", "channel/app/*", "queue/retention", "decisions");
    const wanted = [
      "customer/c-1",
      "channel/app/c-9",
      "queue/retention",
      "decisions",
      "channel/web/c-9",
      "queue/other",
    ];
    expect(wanted.filter((topic) => mayFollow(agent, topic))).toEqual([
      "customer/c-1",
      "channel/app/c-9",
      "queue/retention",
    ]);
    expect(mayFollow(caller(["admin"]), "decisions")).toBe(true);
    expect(mayFollow(caller(["decide", "events"], "customer/*"), "customer/c-1")).toBe(false);
  });

  it("lets in by any of the scopes, and admin everywhere", () => {
    expect(isLetIn(caller(["events"]), ["decide", "events"])).toBe(true);
    expect(isLetIn(caller(["events"]), ["decide"])).toBe(false);
    expect(isLetIn(caller([]), "open")).toBe(true);
    expect(isLetIn(caller(["admin"]), ["metrics"])).toBe(true);
    expect(isLetIn(ANYONE, ["decide"])).toBe(true);
  });
});
