// An answer on its way out: late writes inside `cork`, and the headers that every answer has.
import type { Answer } from "./answer.ts";
import { statusLine } from "./answer.ts";
import type { Response } from "./uws.ts";

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "x-frame-options": "DENY",
};

/** `more`: headers of this request beside those of the answer. */
export function writeAnswer(
  res: Response,
  answer: Answer,
  more: Readonly<Record<string, string>>,
  head: boolean,
  closeConnection: boolean,
): void {
  res.cork(() => {
    res.writeStatus(statusLine(answer.status));
    for (const name in SECURITY_HEADERS) res.writeHeader(name, SECURITY_HEADERS[name] as string);
    if (answer.headers["cache-control"] === undefined) res.writeHeader("cache-control", "no-store");
    for (const name in answer.headers) res.writeHeader(name, answer.headers[name] as string);
    for (const name in more) res.writeHeader(name, more[name] as string);
    // The library takes no further request on a connection after a length without a body.
    if (head) res.endWithoutBody(Buffer.byteLength(answer.body), true);
    // Without a length it would announce 2^63 bytes.
    else if (answer.status === 304) res.endWithoutBody(0, closeConnection);
    else res.end(answer.body, closeConnection);
  });
}

/** Of the peer: a proxy's, where one stands before the engine. */
export function addressOf(res: Response): string {
  return Buffer.from(res.getRemoteAddressAsText()).toString("latin1");
}
