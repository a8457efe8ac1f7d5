// An answer on its way out: late writes inside `cork`, the headers that every answer has, and no more than one unread answer
// a connection. The library keeps whatever the socket does not take, without a bound, but for what is only tried
// (`tryEnd`): what is left of that is here, and while it is, the library closes the connection at the next request.
import type { Answer } from "./answer.ts";
import { statusLine } from "./answer.ts";
import type { Unsent } from "./unsent.ts";
import type { Response } from "./uws.ts";

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "x-frame-options": "DENY",
};

export interface Writing {
  /** Headers of this request beside those of the answer. */
  readonly more: Readonly<Record<string, string>>;
  readonly head: boolean;
  readonly closeConnection: boolean;
  readonly unsent: Unsent;
}

/** The handler of `onAborted` is this function's from now on: whoever had one has nothing to do any more. */
export function writeAnswer(res: Response, answer: Answer, writing: Writing): void {
  // The library takes no further request on a connection after a length without a body, so nothing can pile up.
  if (writing.head) res.cork(() => begin(res, answer, writing).endWithoutBody(Buffer.byteLength(answer.body), true));
  // An answer without a body cannot be tried: who asks whether a file has changed connects anew.
  else if (writing.closeConnection || answer.status === 304) writeLast(res, answer, writing);
  else res.cork(() => tryWhole(begin(res, answer, writing), answer.body, writing.unsent));
}

/** Of the peer: a proxy's, where one stands before the engine. */
export function addressOf(peer: Pick<Response, "getRemoteAddressAsText">): string {
  return Buffer.from(peer.getRemoteAddressAsText()).toString("latin1");
}

function begin(res: Response, answer: Answer, { more }: Writing): Response {
  res.writeStatus(statusLine(answer.status));
  for (const name in SECURITY_HEADERS) res.writeHeader(name, SECURITY_HEADERS[name] as string);
  if (answer.headers["cache-control"] === undefined) res.writeHeader("cache-control", "no-store");
  for (const name in answer.headers) res.writeHeader(name, answer.headers[name] as string);
  for (const name in more) res.writeHeader(name, more[name] as string);
  return res;
}

/**
 * The last answer of its connection. Nothing more is read from it, and what was read already finds it without an answer: the
 * library closes it then, or requests in one piece would each have an answer kept.
 */
function writeLast(res: Response, answer: Answer, writing: Writing): void {
  let isGone = false;
  res.onAborted(() => {
    isGone = true;
  });
  res.pause();
  setImmediate(() => {
    if (isGone) return;
    res.cork(() => {
      begin(res, answer, writing);
      // Without a length it would announce 2^63 bytes.
      if (answer.status === 304) res.endWithoutBody(0, true);
      else res.end(answer.body, true);
    });
  });
}

function tryWhole(res: Response, body: string | Uint8Array, unsent: Unsent): void {
  const size = Buffer.byteLength(body);
  if (isDone(res.tryEnd(body, size))) return;
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const own = typeof body === "string" ? size : 0;
  if (!unsent.keep(own)) {
    res.close();
    return;
  }
  res.onAborted(() => unsent.letGo(own));
  // The library closes the connection where nothing of it is read for 10 s.
  res.onWritable((offset) => {
    const tried = res.tryEnd(bytes.subarray(offset), size);
    if (isDone(tried)) unsent.letGo(own);
    return tried[0];
  });
}

function isDone([ok, hasResponded]: [boolean, boolean]): boolean {
  return ok || hasResponded;
}
