// The handshake of /v1/live: whose page it is, and which subprotocol is spoken.
import type { Subprotocol } from "./live-messages.ts";
import { SUBPROTOCOLS } from "./live-messages.ts";
import type { Opening } from "./live-peer.ts";
import type { OriginPolicy } from "./origin.ts";
import { isAllowedOrigin, isOwnHost } from "./origin.ts";
import type { ProblemKind } from "./problem.ts";
import { problemAnswer, quoted } from "./problem.ts";
import type { Unsent } from "./unsent.ts";
import type { Request, Response, Upgrade } from "./uws.ts";
import { writeAnswer } from "./write-answer.ts";

export type Handshake =
  | { readonly kind: "accepted"; readonly subprotocol: Subprotocol; readonly answered: string }
  | { readonly kind: "refused"; readonly problem: ProblemKind; readonly detail: string };

export interface HandshakeHeaders {
  readonly host: string;
  readonly origin: string;
  /** Sec-WebSocket-Protocol as sent; empty: none offered, and JSON is spoken. */
  readonly offered: string;
}

export function judgeHandshake(headers: HandshakeHeaders, origins: OriginPolicy, isDraining: boolean): Handshake {
  const { host, origin, offered } = headers;
  if (isDraining) return { kind: "refused", problem: "unavailable", detail: "the engine stops" };
  if (!isOwnHost(origins, host))
    return { kind: "refused", problem: "wrong-host", detail: `host ${quoted(host)}: use localhost` };
  if (!isAllowedOrigin(origins, origin, host)) {
    const detail = `origin ${quoted(origin)} is neither this host nor on the allow-list`;
    return { kind: "refused", problem: "forbidden-origin", detail };
  }
  if (offered.trim() === "") return { kind: "accepted", subprotocol: "nba.v1.json", answered: "" };
  const names = offered.split(",").map((name) => name.trim());
  const subprotocol = SUBPROTOCOLS.find((known) => names.includes(known));
  if (subprotocol !== undefined) return { kind: "accepted", subprotocol, answered: subprotocol };
  const detail = `subprotocol ${quoted(offered)}: offer ${SUBPROTOCOLS.join(" or ")}`;
  return { kind: "refused", problem: "invalid-parameter", detail };
}

export function upgrade(
  res: Response,
  req: Request,
  context: Upgrade,
  { origins, unsent }: { readonly origins: OriginPolicy; readonly unsent: Unsent },
  isDraining: boolean,
): void {
  const headers = {
    host: req.getHeader("host"),
    origin: req.getHeader("origin"),
    offered: req.getHeader("sec-websocket-protocol"),
  };
  const handshake = judgeHandshake(headers, origins, isDraining);
  if (handshake.kind === "accepted") {
    const opening: Opening = { subprotocol: handshake.subprotocol, ticket: req.getQuery("ticket") };
    const key = req.getHeader("sec-websocket-key");
    res.upgrade(opening, key, handshake.answered, req.getHeader("sec-websocket-extensions"), context);
    return;
  }
  const isPassing = handshake.problem === "unavailable";
  const answer = problemAnswer(handshake.problem, handshake.detail, [], isPassing ? { "retry-after": "1" } : {});
  writeAnswer(res, answer, { more: {}, head: false, closeConnection: true, unsent });
}
