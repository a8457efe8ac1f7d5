import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createHalt } from "../../engine/deliver/waker.ts";
import { createWebhookGate } from "../../engine/deliver/webhook-gate.ts";
import { parseWebhookPosition } from "../../engine/deliver/webhook-lane.ts";
import { meaningOf } from "../../engine/deliver/webhook-post.ts";
import { parseWebhookSecret, webhookHeaders } from "../../engine/deliver/webhook-signature.ts";

describe("signatures", () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

  it("WHK-1 pass the library of Standard Webhooks, and fail it where a byte is another", () => {
    const key = parseWebhookSecret(secret) as Buffer;
    const body = JSON.stringify({ type: "nba.message", data: { title: "Grüße" } });
    const headers = webhookHeaders(key, "code.0", Date.now(), body);
    expect(new Webhook(secret).verify(body, { ...headers })).toEqual(JSON.parse(body));
    expect(() => new Webhook(secret).verify(body.replace("ü", "u"), { ...headers })).toThrow(/signature/);
  });

  it("a secret of another form is refused without being quoted", () => {
    for (const written of ["", "whsec_", "topsecret", "whsec_!!!!", `whsec_${Buffer.alloc(8).toString("base64")}`]) {
      const refused = parseWebhookSecret(written);
      expect(refused).toEqual({ why: "must be whsec_ and base64 of 24 to 64 bytes" });
    }
  });
});

describe("answers", () => {
  it("WHK-3 tell what becomes of a message", () => {
    const now = Date.UTC(2026, 0, 1);
    const kinds = [200, 204, 301, 400, 401, 404, 408, 410, 422, 429, 500, 503].map((s) => meaningOf(s, undefined).kind);
    const [ok, no, again] = ["delivered", "refused", "failed"];
    expect(kinds).toEqual([ok, ok, again, no, no, no, again, no, no, again, again, again]);
    const afterMs = (written: string) => (meaningOf(429, written, now) as { afterMs?: number }).afterMs;
    expect(afterMs("7")).toBe(7_000);
    expect(afterMs("999999999")).toBe(3_600_000);
    expect(afterMs("Thu, 01 Jan 2026 00:00:09 GMT")).toBe(9_000);
    expect(afterMs("Thu, 01 Jan 2020 00:00:09 GMT")).toBe(0);
    expect(afterMs("soon")).toBeUndefined();
  });
});

describe("the gate", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const halt = createHalt();
  const open = (inFlightMax: number) => {
    const rested: number[] = [];
    const gate = createWebhookGate({
      inFlightMax,
      random: () => 1,
      onRest: (ms) => rested.push(ms),
      onOpen: () => rested.push(0),
    });
    return { gate, rested };
  };

  it("lets in so many, in order, and who waits no longer than told", async () => {
    const { gate } = open(2);
    const log: string[] = [];
    const enter = (name: string, ms: number) => gate.enter(ms, halt).then((isIn) => log.push(`${name} ${isIn}`));
    for (const name of ["a", "b", "c"]) void enter(name, 1_000);
    void enter("d", 10);
    await vi.advanceTimersByTimeAsync(20);
    expect(log).toEqual(["a true", "b true", "d false"]);
    gate.leave("well");
    await vi.advanceTimersByTimeAsync(0);
    expect(log.at(-1)).toBe("c true");
  });

  it("WHK-4 rests after failures, ever longer, and then lets one in at a time until it goes well", async () => {
    const { gate, rested } = open(3);
    for (let n = 0; n < 5; n++) {
      expect(await gate.enter(0, halt)).toBe(true);
      gate.leave("failed");
    }
    expect(rested).toEqual([1_000]);
    const entered: number[] = [];
    for (let n = 0; n < 4; n++) void gate.enter(100_000, halt).then((isIn) => isIn && entered.push(n));
    await vi.advanceTimersByTimeAsync(999);
    expect(entered).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(entered).toEqual([0]);
    gate.leave("failed");
    expect(rested).toEqual([1_000, 2_000]);
    await vi.advanceTimersByTimeAsync(2_000);
    gate.leave("well");
    await vi.advanceTimersByTimeAsync(0);
    expect(rested.at(-1)).toBe(0);
    expect(entered).toEqual([0, 1, 2, 3]);
  });

  it("rests as long as the gateway asks for, and lets nobody in who is halted", async () => {
    const { gate, rested } = open(1);
    await gate.enter(0, halt);
    gate.leave("failed", 30_000);
    expect(rested).toEqual([30_000]);
    const own = createHalt();
    const waiting = gate.enter(100_000, own);
    own.halt();
    expect(await waiting).toBe(false);
    gate.close();
    expect(await gate.enter(1_000, halt)).toBe(false);
  });
});

it("a position names what is undone before it", () => {
  expect(parseWebhookPosition("12 3-0 9-1")).toEqual({ seq: 12, undone: ["3-0", "9-1"] });
  expect(parseWebhookPosition("12")).toEqual({ seq: 12, undone: [] });
});
