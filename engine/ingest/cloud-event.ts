// CloudEvents 1.0 in structured mode, as an event of ours.
import { Compile } from "typebox/compile";
import { ID_LENGTH_MAX } from "./bounds.ts";
import { type Refused, refusal, refusalOf } from "./refused.ts";
import { CloudEventSchema } from "./schemas.ts";

const cloudEvent = Compile(CloudEventSchema);
/** RFC 3339, section 5.6: what Date.parse takes beyond it is refused. */
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

export function isCloudEvent(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "specversion");
}

/** CloudEvents promises that `source` and `id` together are unique: together they are the id, as `<source>#<id>`. */
export function fromCloudEvent(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | Refused {
  if (!cloudEvent.Check(value)) return refusalOf(cloudEvent.Errors(value), value);
  if (Object.hasOwn(value, "data_base64")) {
    return refusal("invalid", "/data_base64", "is not taken: send a JSON object in data");
  }
  const ts = RFC_3339.test(value.time) ? Date.parse(value.time.toUpperCase()) : Number.NaN;
  if (Number.isNaN(ts)) return refusal("invalid", "/time", "must be an RFC 3339 time such as 2025-01-31T12:00:00Z");
  const id = `${value.source}#${value.id}`;
  if (id.length > ID_LENGTH_MAX) {
    return refusal("invalid", "/id", `must, with source and one more, have at most ${ID_LENGTH_MAX} characters`);
  }
  const { subject, anonymousid, type, data, session, channel, traceparent } = value;
  const given = {
    id,
    type,
    customer: subject,
    anonymousId: anonymousid,
    ts,
    props: data,
    session,
    channel,
    traceparent,
  };
  return Object.fromEntries(Object.entries(given).filter(([, field]) => field !== undefined));
}
