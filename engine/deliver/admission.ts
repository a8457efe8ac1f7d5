// Requests that have no answer yet, bounded in number and in the bytes of their bodies: memory does not grow with what
// callers send faster than it can be answered.

export interface AdmissionBounds {
  readonly requestsMax: number;
  /** Of all bodies together. */
  readonly bytesMax: number;
}

export interface Admission {
  readonly isFull: () => boolean;
  /** False where too many wait already: it is not counted then. */
  readonly enter: () => boolean;
  /** More of a body has come: false where all of them together are too large now; counted all the same, until `leave`. */
  readonly grow: (bytes: number) => boolean;
  /** Answered, or given up; `bytes` of its body had come. */
  readonly leave: (bytes: number) => void;
}

export function createAdmission({ requestsMax, bytesMax }: AdmissionBounds): Admission {
  const held = { requests: 0, bytes: 0 };
  const isFull = (): boolean => held.requests >= requestsMax || held.bytes >= bytesMax;
  return {
    isFull,
    enter: () => {
      if (isFull()) return false;
      held.requests++;
      return true;
    },
    grow: (bytes) => {
      held.bytes += bytes;
      return held.bytes <= bytesMax;
    },
    leave: (bytes) => {
      held.requests--;
      held.bytes -= bytes;
    },
  };
}
