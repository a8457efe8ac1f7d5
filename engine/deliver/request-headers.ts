// What the engine reads of the headers of a request, in one pass: each call into the library costs as much as a whole header.
import type { Request } from "./uws.ts";

interface Read {
  accept: string;
  authorization: string;
  "content-length": string;
  "content-type": string;
  host: string;
  "idempotency-key": string;
  "if-none-match": string;
  origin: string;
  traceparent: string;
  "transfer-encoding": string;
}

/** Each as it came first; empty where it did not come. */
export interface RequestHeaders extends Readonly<Read> {
  /** The library goes by the first. A proxy that goes by another would take a part of the body for a request of somebody else. */
  readonly hasTwoLengths: boolean;
}

export function readHeaders(req: Pick<Request, "forEach">): RequestHeaders {
  const headers: Read & { hasTwoLengths: boolean } = {
    accept: "",
    authorization: "",
    "content-length": "",
    "content-type": "",
    host: "",
    "idempotency-key": "",
    "if-none-match": "",
    origin: "",
    traceparent: "",
    "transfer-encoding": "",
    hasTwoLengths: false,
  };
  let length: string | undefined;
  req.forEach((name, value) => {
    switch (name) {
      case "content-length":
        if (length === undefined) headers[name] = length = value;
        else if (length !== value) headers.hasTwoLengths = true;
        return;
      case "accept":
      case "authorization":
      case "content-type":
      case "host":
      case "idempotency-key":
      case "if-none-match":
      case "origin":
      case "traceparent":
      case "transfer-encoding":
        if (headers[name] === "") headers[name] = value;
    }
  });
  return headers;
}
