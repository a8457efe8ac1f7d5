// Where a request is counted while it has no answer. Whoever is not let in yet, and other engines, are counted apart: however
// many come, they take no place from callers who are let in, and none from each other.
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
  const innerOf = (access: Access): Admission => (access === "peers" ? peers : inside);
  return {
    doorOf: (access, letIn) => (letIn instanceof Promise ? unjudged : innerOf(access)),
    isFull: (access) => innerOf(access).isFull(),
    letIn: (exchange) => {
      if (exchange.admission !== unjudged) return true;
      const inner = innerOf(exchange.route.access);
      if (!inner.enter()) return false;
      unjudged.leave(exchange.bodyBytes);
      exchange.admission = inner;
      return inner.grow(exchange.bodyBytes);
    },
  };
}

function half({ requestsMax, bytesMax }: AdmissionBounds): AdmissionBounds {
  return { requestsMax: Math.ceil(requestsMax / 2), bytesMax: Math.ceil(bytesMax / 2) };
}
