import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPass, openSealed, passOf, seal } from "../../engine/peer/seal.ts";

const RUNS = process.env["NBA_LONG"] === "1" ? 20_000 : 500;
const SKEW_MS = 30_000;
const secret = randomBytes(32);
const now = 1_800_000_000_000;

describe("a sealed message", () => {
  it("is opened by whoever has the secret, for what it was sealed for", () => {
    const payload = fc.uint8Array({ maxLength: 200 });
    const check = (bytes: Uint8Array, about: string): void => {
      const opened = openSealed(secret, about, seal(secret, about, bytes, now), now, SKEW_MS);
      expect(opened).toMatchObject({ kind: "opened", payload: Buffer.from(bytes) });
    };
    fc.assert(fc.property(payload, fc.string(), check), { numRuns: RUNS });
  });

  it("is refused with another secret, for something else, and with any bit changed", () => {
    const sealed = seal(secret, "POST /v1/peer/ask", Buffer.from("payload"), now);
    const refused = { kind: "refused", why: "wrong-signature" };
    expect(openSealed(randomBytes(32), "POST /v1/peer/ask", sealed, now, SKEW_MS)).toEqual(refused);
    expect(openSealed(secret, "POST /v1/peer/look", sealed, now, SKEW_MS)).toEqual(refused);
    const flip = (bit: number): void => {
      const changed = Buffer.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(openSealed(secret, "POST /v1/peer/ask", changed, now, SKEW_MS).kind).toBe("refused");
    };
    fc.assert(fc.property(fc.nat(sealed.length * 8 - 1), flip), { numRuns: RUNS });
  });

  it("is stale after 30 seconds, or where the other clock is as far ahead", () => {
    const sealed = seal(secret, "a", Buffer.from("payload"), now);
    const at = (ms: number) => openSealed(secret, "a", sealed, ms, SKEW_MS);
    expect([at(now - SKEW_MS).kind, at(now + SKEW_MS).kind]).toEqual(["opened", "opened"]);
    const stale = { kind: "refused", why: "stale" };
    expect([at(now - SKEW_MS - 1), at(now + SKEW_MS + 1)]).toEqual([stale, stale]);
    const never = seal(secret, "a", Buffer.from("payload"), Number.NaN);
    expect(openSealed(secret, "a", never, now, SKEW_MS)).toEqual(stale);
  });

  it("is refused, and nothing thrown, whatever the bytes", () => {
    const check = (bytes: Uint8Array): void => {
      expect(openSealed(secret, "a", bytes, now, SKEW_MS).kind).toBe("refused");
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), check), { numRuns: RUNS });
    expect(openSealed(secret, "a", Buffer.from([9, ...Buffer.alloc(60)]), now, SKEW_MS)).toEqual({
      kind: "refused",
      why: "other-version",
    });
  });
});

describe("the pass of an engine", () => {
  const pass = passOf(secret, now);

  it("is good for whoever has the secret, for 30 seconds either way", () => {
    expect([-SKEW_MS, 0, SKEW_MS].map((ms) => isPass(secret, pass, now + ms, SKEW_MS))).toEqual([true, true, true]);
    expect([-SKEW_MS - 1, SKEW_MS + 1].map((ms) => isPass(secret, pass, now + ms, SKEW_MS))).toEqual([false, false]);
    expect(isPass(secret, passOf(secret, now + 0.7), now, SKEW_MS)).toBe(true);
  });

  it("is none with another secret, with anything in it changed, or of any other text", () => {
    expect(isPass(randomBytes(32), pass, now, SKEW_MS)).toBe(false);
    const change = (at: number, letter: string): void => {
      const changed = pass.slice(0, at) + letter + pass.slice(at + 1);
      expect(isPass(secret, changed, now, SKEW_MS), changed).toBe(changed === pass);
    };
    fc.assert(fc.property(fc.nat(pass.length - 1), fc.string({ minLength: 1, maxLength: 1 }), change), {
      numRuns: RUNS,
    });
    fc.assert(
      fc.property(fc.string(), (text) => !isPass(secret, text, now, SKEW_MS)),
      { numRuns: RUNS },
    );
    expect(isPass(secret, `${pass}0`, now, SKEW_MS)).toBe(false);
  });
});
