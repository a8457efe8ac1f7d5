// Engines on one Redis share a secret, which lies in `nba:config`; what they say to each other is signed with it, both ways.
// A sealed message is `version (1 byte) | ms since 1970 (8, double) | HMAC-SHA256 (32) | payload`. A request has a pass beside
// it, as its header Authorization: who is no engine is refused before its body is read.
import { createHmac, timingSafeEqual } from "node:crypto";

/** Raised whenever what engines say to each other changes: engines of two versions refuse each other, and say so. */
const VERSION = 2;
const AT_OFFSET = 1;
const MAC_OFFSET = 9;
const PAYLOAD_OFFSET = 41;

export type Opened =
  /** `mac` names the message: its answer is sealed for it. */
  | { readonly kind: "opened"; readonly payload: Buffer; readonly mac: string }
  | { readonly kind: "refused"; readonly why: "malformed" | "other-version" | "wrong-signature" | "stale" };

/** `about`: what the message is for (method and path, or the request that it answers); the other side must name the same. */
export function seal(secret: Buffer, about: string, payload: Uint8Array, nowMs: number): Buffer {
  const sealed = Buffer.allocUnsafe(PAYLOAD_OFFSET + payload.length);
  sealed[0] = VERSION;
  sealed.writeDoubleBE(nowMs, AT_OFFSET);
  sealed.set(payload, PAYLOAD_OFFSET);
  sealed.set(macOf(secret, about, sealed), MAC_OFFSET);
  return sealed;
}

/** The payload, where it was signed with this secret, for this, at most `skewMs` ago or ahead. Compares in constant time. */
export function openSealed(secret: Buffer, about: string, sealed: Uint8Array, nowMs: number, skewMs: number): Opened {
  if (sealed.length < PAYLOAD_OFFSET) return { kind: "refused", why: "malformed" };
  if (sealed[0] !== VERSION) return { kind: "refused", why: "other-version" };
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const mac = bytes.subarray(MAC_OFFSET, PAYLOAD_OFFSET);
  if (!timingSafeEqual(mac, macOf(secret, about, bytes))) return { kind: "refused", why: "wrong-signature" };
  const ageMs = Math.abs(nowMs - bytes.readDoubleBE(AT_OFFSET));
  if (!(ageMs <= skewMs)) return { kind: "refused", why: "stale" };
  return { kind: "opened", payload: bytes.subarray(PAYLOAD_OFFSET), mac: mac.toString("hex") };
}

function macOf(secret: Buffer, about: string, sealed: Buffer): Buffer {
  return createHmac("sha256", secret)
    .update(`${Buffer.byteLength(about)}:${about}`)
    .update(sealed.subarray(0, MAC_OFFSET))
    .update(sealed.subarray(PAYLOAD_OFFSET))
    .digest();
}

const PASS = /^NBA-Engine (\d{1,15})\.([0-9a-f]{64})$/;

/** The header of a request that is made now: `NBA-Engine ms since 1970 . HMAC-SHA256 of them`. */
export function passOf(secret: Buffer, nowMs: number): string {
  const at = String(Math.floor(nowMs));
  return `NBA-Engine ${at}.${passMac(secret, at).toString("hex")}`;
}

/** Made with this secret, at most `skewMs` ago or ahead? It says nothing of the request. Compares in constant time. */
export function isPass(secret: Buffer, header: string, nowMs: number, skewMs: number): boolean {
  const [, at, mac] = PASS.exec(header) ?? [];
  if (at === undefined || mac === undefined) return false;
  const isOurs = timingSafeEqual(Buffer.from(mac, "hex"), passMac(secret, at));
  return isOurs && Math.abs(nowMs - Number(at)) <= skewMs;
}

function passMac(secret: Buffer, at: string): Buffer {
  return createHmac("sha256", secret).update(`pass ${VERSION} ${at}`).digest();
}
