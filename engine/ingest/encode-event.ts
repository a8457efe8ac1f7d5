import type { CustomerEvent } from "../domain/event.ts";
import { isAnonymous } from "../domain/ids.ts";
import { PAYLOAD_BYTES_MAX } from "./bounds.ts";
import { pack } from "./messagepack.ts";

/** What `decodeEventBytes` reads back, but for the source, which has a field of its own. */
export function eventPayload(event: CustomerEvent): Buffer {
  return smallest(fieldsOf(event));
}

/** The same for people to read: it may be larger than an event may be. */
export function eventJson(event: CustomerEvent): Buffer {
  return Buffer.from(JSON.stringify(fieldsOf(event)));
}

function fieldsOf(event: CustomerEvent): object {
  const { id, type, key, ts, props, anonymousId, session, channel, traceparent } = event;
  const whose = isAnonymous(key) ? { anonymousId: key.slice("anon:".length) } : { customer: key };
  const optional = Object.entries({ anonymousId, session, channel, traceparent }).filter(
    ([, value]) => value !== undefined,
  );
  return { id, type, ...whose, ts, props, ...Object.fromEntries(optional) };
}

/** What was accepted as JSON of just the permitted size must not grow beyond it here: fractions take more room packed. */
function smallest(fields: object): Buffer {
  const packed = pack(fields);
  if (packed.length <= PAYLOAD_BYTES_MAX) return packed;
  const json = Buffer.from(JSON.stringify(fields));
  return json.length < packed.length ? json : packed;
}
