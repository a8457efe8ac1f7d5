// Where a request is counted while it has no answer. Whoever is not let in yet, and other engines, whose signature is known
// only with the whole body, are counted apart: however many come, they take no place from callers who are let in.
import { type Admission, type AdmissionBounds, createAdmission } from "./admission.ts";
import type { LetIn } from "./auth/guard.ts";
import type { Access } from "./auth/scopes.ts";
import type { Exchange } from "./exchange.ts";

export interface Doors {
  /** Where it is to be counted: to be entered there. */
  readonly doorOf: (access: Access, letIn: LetIn | Promise<LetIn>) => Admission;
  /** No more of those who are let in, or will be: it need not be asked who this is. */
  readonly isFull: (access: Access) => boolean;
  /** It was let in behind a verdict that took time: false where there is no room among those who are. */
  readonly letIn: (exchange: Exchange) => boolean;
}

export function createDoors(bounds: AdmissionBounds): Doors {
  const inside = createAdmission(bounds);
  const unjudged = createAdmission(half(bounds));
  const peers = createAdmission(half(bounds));
  return {
    doorOf: (access, letIn) => {
      if (access === "peers") return peers;
      return letIn instanceof Promise ? unjudged : inside;
    },
    isFull: (access) => (access === "peers" ? peers : inside).isFull(),
    letIn: (exchange) => {
      if (exchange.admission !== unjudged) return true;
      if (!inside.enter()) return false;
      unjudged.leave(exchange.bodyBytes);
      exchange.admission = inside;
      return inside.grow(exchange.bodyBytes);
    },
  };
}

function half({ requestsMax, bytesMax }: AdmissionBounds): AdmissionBounds {
  return { requestsMax: Math.ceil(requestsMax / 2), bytesMax: Math.ceil(bytesMax / 2) };
}
