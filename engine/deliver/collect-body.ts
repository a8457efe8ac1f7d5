// The body of a request as it comes in, bounded in bytes and in time.
import type { Answer } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import { problemAnswer, retryLater } from "./problem.ts";

export interface Collecting {
  /** `content-length` as it was announced; NaN or 0: none was. */
  readonly announced: number;
  /** The body comes in chunks of unknown length. */
  readonly isChunked: boolean;
  /** How long a body may take that does not come with its headers. */
  readonly withinMs: number;
  readonly run: (exchange: Exchange, body: Uint8Array) => Promise<void>;
  readonly finish: (exchange: Exchange, answer: Answer, closeConnection: boolean) => void;
}

export const TOO_MANY = retryLater("overloaded", "too many requests wait for an answer; try again", 1_000);

/** Gathers the body, at most `bodyMax` bytes of it: beyond that 413, beyond its time 408, and the connection is closed. */
export function collect(exchange: Exchange, { announced, isChunked, withinMs, run, finish }: Collecting): void {
  const { bodyMax } = exchange.route;
  const chunks: Buffer[] = [];
  let size = 0;
  const tooLarge = (): void => {
    const detail = `the body has more than ${bodyMax} bytes; send it in parts`;
    finish(exchange, problemAnswer("too-large", detail), true);
  };
  if (announced > bodyMax) {
    tooLarge();
    return;
  }
  const waitForMore = (): void => {
    exchange.timer ??= setTimeout(() => {
      const detail = `the body was not all here within ${withinMs / 1_000} s; send it in parts, or faster`;
      finish(exchange, problemAnswer("too-slow", detail), true);
    }, withinMs);
  };
  exchange.res.onAborted(() => {
    exchange.aborted = true;
    // An upload that was broken off never reaches its last chunk.
    if (!exchange.isWhole) finish(exchange, problemAnswer("malformed-json", "the body was broken off"), true);
  });
  // The library tells at once what came with the headers, even nothing where a length was announced; no chunk, it does not.
  if (isChunked) waitForMore();
  exchange.res.onData((chunk, isLast) => {
    if (exchange.isEnded || exchange.isWhole) return;
    size += chunk.byteLength;
    if (size > bodyMax) return tooLarge();
    exchange.bodyBytes = size;
    if (exchange.admission?.grow(chunk.byteLength) === false) return finish(exchange, TOO_MANY, true);
    chunks.push(Buffer.copyBytesFrom(new Uint8Array(chunk)));
    if (!isLast) return waitForMore();
    exchange.isWhole = true;
    clearTimeout(exchange.timer);
    void run(exchange, chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size));
  });
}
