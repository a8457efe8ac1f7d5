// Signatures of webhooks, by https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
import { createHmac } from "node:crypto";

const PREFIX = "whsec_";
const KEY_BYTES_MIN = 24;
const KEY_BYTES_MAX = 64;

/** `whsec_` and base64 of 24 to 64 bytes; the words never quote it. */
export function parseWebhookSecret(written: string): Buffer | { readonly why: string } {
  const encoded = written.startsWith(PREFIX) ? written.slice(PREFIX.length) : "";
  const key = Buffer.from(encoded, "base64");
  const isBase64 = encoded !== "" && key.toString("base64").replace(/=+$/, "") === encoded.replace(/=+$/, "");
  if (!isBase64 || key.length < KEY_BYTES_MIN || key.length > KEY_BYTES_MAX) {
    return { why: `must be ${PREFIX} and base64 of ${KEY_BYTES_MIN} to ${KEY_BYTES_MAX} bytes` };
  }
  return key;
}

/**
 * Headers of one attempt.
 * @param id the same for every attempt at a message: the receiver's idempotency key
 * @param at ms since 1970; the receiver refuses what is more than minutes away
 */
export function webhookHeaders(key: Buffer, id: string, at: number, body: string): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(at / 1_000));
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
}
