// The shape of what comes in, once: it validates here, and HTTP, OpenAPI and AsyncAPI are written from it.
import { Type } from "typebox";
import { OUTCOMES } from "../domain/contact.ts";
import type { Props } from "../domain/event.ts";
import {
  ANONYMOUS_LENGTH_MAX,
  CHANNEL_LENGTH_MAX,
  CUSTOMER_LENGTH_MAX,
  ID_LENGTH_MAX,
  PROP_NAME_LENGTH_MAX,
  PROPS_MAX,
  SESSION_LENGTH_MAX,
  SET_MAX,
  TEXT_LENGTH_MAX,
  TYPE_LENGTH_MAX,
} from "./bounds.ts";

/** Names that would reach the prototype of an object rather than a field of it. */
export const FORBIDDEN_NAMES: readonly string[] = ["__proto__", "constructor", "prototype"];
/** Outcomes that may be reported: `pending` is where every decision begins. */
export const REPORTED_OUTCOMES = OUTCOMES.filter((outcome) => outcome !== "pending");

const PROP_NAME = `^(?!(${FORBIDDEN_NAMES.join("|")})$)[\\s\\S]{1,${PROP_NAME_LENGTH_MAX}}$`;
const NOT_A_KEY = "^(?!anon:)";
/** W3C Trace Context, any version. */
const TRACEPARENT = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$";
const traceparent = new RegExp(TRACEPARENT);
export const INSTANT_MAX = 8.64e15;

const text = (maxLength: number, description: string) => Type.String({ minLength: 1, maxLength, description });

export const InstantSchema = Type.Integer({
  minimum: 0,
  maximum: INSTANT_MAX,
  description: "Milliseconds since 1970-01-01T00:00Z.",
});

export const PropValueSchema = Type.Union([
  Type.String({ maxLength: TEXT_LENGTH_MAX }),
  Type.Number(),
  Type.Boolean(),
  Type.Array(Type.String({ maxLength: TEXT_LENGTH_MAX }), { maxItems: SET_MAX }),
]);

export const PropsSchema = Type.Record(Type.String({ pattern: PROP_NAME }), PropValueSchema, {
  maxProperties: PROPS_MAX,
  additionalProperties: false,
  description: `Flat: strings, finite numbers, booleans, and sets of at most ${SET_MAX} strings.`,
});

const CustomerIdSchema = Type.String({
  minLength: 1,
  maxLength: CUSTOMER_LENGTH_MAX,
  pattern: NOT_A_KEY,
  description: "The customer, as the systems of record name it.",
});

const AnonymousIdSchema = Type.String({
  minLength: 1,
  maxLength: ANONYMOUS_LENGTH_MAX,
  pattern: NOT_A_KEY,
  description: "A device or browser whose customer is not known.",
});

const optionalFields = {
  session: Type.Optional(text(SESSION_LENGTH_MAX, "The session that it belongs to.")),
  channel: Type.Optional(text(CHANNEL_LENGTH_MAX, "The channel that it happened in.")),
  traceparent: Type.Optional(Type.String({ pattern: TRACEPARENT, description: "W3C Trace Context." })),
};

/** An event as the outside sends it. Fields that are not listed are ignored. Either `customer` or `anonymousId` is required. */
export const EventSchema = Type.Object(
  {
    id: text(ID_LENGTH_MAX, "Unique for this customer and source: repeated, it changes nothing."),
    type: text(TYPE_LENGTH_MAX, "What happened."),
    customer: Type.Optional(CustomerIdSchema),
    anonymousId: Type.Optional(AnonymousIdSchema),
    ts: InstantSchema,
    props: Type.Optional(PropsSchema),
    ...optionalFields,
  },
  {
    description:
      "Something that a customer did, or that is said of a customer. `customer` or `anonymousId` is required.",
  },
);

/** The fields of an event after the schema's check. */
export interface CheckedEvent {
  readonly id: string;
  readonly type: string;
  readonly customer?: string | undefined;
  readonly anonymousId?: string | undefined;
  readonly ts: number;
  readonly props?: Props | undefined;
  readonly session?: string | undefined;
  readonly channel?: string | undefined;
  readonly traceparent?: string | undefined;
}

export function isTraceparent(text: string): boolean {
  return traceparent.test(text);
}

/** CloudEvents 1.0, structured JSON: `subject` is the customer, `data` the props; `source` and `id` together name the event. */
export const CloudEventSchema = Type.Object(
  {
    specversion: Type.Literal("1.0"),
    id: text(ID_LENGTH_MAX, "Unique for this source."),
    source: text(ID_LENGTH_MAX, "URI reference of what produced it."),
    type: text(TYPE_LENGTH_MAX, "What happened."),
    subject: Type.Optional(CustomerIdSchema),
    anonymousid: Type.Optional(AnonymousIdSchema),
    time: Type.String({ maxLength: 64, description: "RFC 3339; required here." }),
    datacontenttype: Type.Optional(
      Type.String({ pattern: "^application/(json|[^;\\s]+\\+json)(\\s*;.*)?$", description: "JSON only." }),
    ),
    data: Type.Optional(PropsSchema),
    ...optionalFields,
  },
  { description: "CloudEvents 1.0 in structured mode. `subject` or the extension `anonymousid` is required." },
);

const TrackingCodeSchema = Type.String({
  pattern: "^[A-Za-z0-9_-]{22}\\.[0-9]{1,3}$",
  description: "Names one item of one decision.",
});

/** Props of the types that have a meaning of their own. Further props are allowed, and ignored. */
export const WELL_KNOWN_PROPS = {
  outcome: Type.Object({
    trackingCode: TrackingCodeSchema,
    outcome: Type.Enum(REPORTED_OUTCOMES),
    reason: Type.Optional(Type.String({ maxLength: TEXT_LENGTH_MAX })),
    until: Type.Optional(InstantSchema),
    value: Type.Optional(Type.Number()),
  }),
  consent_update: Type.Object({
    channel: text(CHANNEL_LENGTH_MAX, "Name of a channel, or `*`."),
    purpose: text(TYPE_LENGTH_MAX, "For example `marketing`."),
    granted: Type.Boolean(),
  }),
  case_opened: Type.Object({
    caseId: text(ID_LENGTH_MAX, "As the operational CRM names it."),
    kind: Type.Optional(Type.String({ maxLength: TEXT_LENGTH_MAX })),
    slaDueAt: Type.Optional(InstantSchema),
  }),
  case_closed: Type.Object({ caseId: text(ID_LENGTH_MAX, "As the operational CRM names it.") }),
  task: Type.Object({
    taskId: text(ID_LENGTH_MAX, "As the operational CRM names it."),
    title: Type.Optional(Type.String({ maxLength: TEXT_LENGTH_MAX })),
    dueAt: Type.Optional(InstantSchema),
    state: Type.Optional(Type.String({ maxLength: TYPE_LENGTH_MAX })),
  }),
  contact: Type.Object({
    channel: text(CHANNEL_LENGTH_MAX, "The channel that the other sender used."),
    group: Type.Optional(text(TYPE_LENGTH_MAX, "The group of actions that it counts for.")),
    direction: Type.Optional(Type.Enum(["inbound", "outbound"])),
  }),
} as const;
export type WellKnownType = keyof typeof WELL_KNOWN_PROPS;

/** Names that events have by themselves, as opposed to those of props, which a producer chooses. */
export const FIELD_NAMES: ReadonlySet<string> = new Set([
  ...[EventSchema, CloudEventSchema, ...Object.values(WELL_KNOWN_PROPS)].flatMap(({ properties }) =>
    Object.keys(properties),
  ),
  ...FORBIDDEN_NAMES,
  "data_base64",
]);
