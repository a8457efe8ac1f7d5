// Reads a JSON Web Key Set from its address: bounded in bytes, no redirects, and not again and again while it cannot be read.
import type { FetchImplementation } from "jose";

const KEY_SET_BYTES_MAX = 256 * 1024;
const AGAIN_AFTER_MS = 2_000;

export function fetchKeySet(): FetchImplementation {
  let failedAtMs = Number.NEGATIVE_INFINITY;
  return async (url, options) => {
    if (performance.now() - failedAtMs < AGAIN_AFTER_MS) throw new Error("the key set could not be read a moment ago");
    try {
      const answer = await fetch(url, options);
      if (answer.status !== 200) throw new Error(`the key set was answered with ${answer.status}`);
      return new Response(await readBounded(answer), { status: 200 });
    } catch (error) {
      failedAtMs = performance.now();
      throw error;
    }
  };
}

async function readBounded(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength;
    if (size > KEY_SET_BYTES_MAX) throw new Error(`the key set has more than ${KEY_SET_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
