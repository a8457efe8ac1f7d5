import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage, SUBPROTOCOLS } from "../../engine/deliver/live-messages.ts";
import { pack } from "../../engine/ingest/messagepack.ts";

const json = (value: unknown) => decodeMessage(Buffer.from(JSON.stringify(value)), false, "nba.v1.json");
const messagepack = (value: unknown) => decodeMessage(pack(value), true, "nba.v1.msgpack");

describe("messages of /v1/live", () => {
  it.each([
    { op: "connect" },
    { op: "connect", id: "1", token: "t" },
    { op: "subscribe", topic: "customer/c-17", placement: "agent-desk", since: "41" },
    { op: "unsubscribe", topic: "decisions" },
    { op: "outcome", trackingCode: "x.0", outcome: "later", reason: "busy", until: 1, note: "calls back" },
  ])("takes %j in both formats", (message) => {
    expect(json(message)).toEqual({ kind: "message", message });
    expect(messagepack(message)).toEqual({ kind: "message", message });
  });

  it.each([
    [{ op: "subscribe" }, "subscribe: /topic is missing"],
    [{ op: "subscribe", topic: "decisions", sinse: "4" }, "subscribe: /sinse is not a field here"],
    [{ op: "outcome", trackingCode: "x.0", outcome: "pending" }, "outcome: /outcome must be one of presented, clicked"],
    [{ op: "claim", topic: "queue/x" }, "op must be connect, subscribe, unsubscribe or outcome"],
    [[], "op must be"],
    [null, "op must be"],
  ])("refuses %j and says why", (value, why) => {
    const decoded = json(value);
    expect(decoded.kind === "bad" && decoded.why).toContain(why);
  });

  it("refuses the other format's frames, and more than 16 KiB", () => {
    expect(decodeMessage(Buffer.from("{}"), true, "nba.v1.json").kind).toBe("bad");
    expect(decodeMessage(pack({ op: "connect" }), false, "nba.v1.msgpack").kind).toBe("bad");
    const large = json({ op: "connect", token: "x".repeat(17_000) });
    expect(large).toEqual({ kind: "bad", why: "a message has at most 16384 bytes" });
  });

  it("never throws, whatever the bytes", () => {
    const runs = process.env["NBA_LONG"] === "1" ? 50_000 : 1_000;
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.boolean(),
        fc.constantFrom(...SUBPROTOCOLS),
        (raw, binary, name) => ["message", "bad"].includes(decodeMessage(raw, binary, name).kind),
      ),
      { numRuns: runs },
    );
  });
});
