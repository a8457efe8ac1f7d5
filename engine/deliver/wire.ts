// The JSON of the outside as typebox schemas: the same ones check requests, give the types of answers and become
// /openapi.json and /asyncapi.json. Times are milliseconds since 1970.
import Type, { type Static } from "typebox";
import { OUTCOMES } from "../domain/contact.ts";
import { ANONYMOUS_LENGTH_MAX, CUSTOMER_LENGTH_MAX } from "../ingest/bounds.ts";
import { InstantSchema, PropsSchema, PropValueSchema, REPORTED_OUTCOMES } from "../ingest/schemas.ts";

const Name = Type.String({ minLength: 1, maxLength: 64 });
const Time = InstantSchema;

export const DECISION_PLACEMENTS_MAX = 16;
export const DEADLINE_DEFAULT_MS = 25;
export const DEADLINE_MAX_MS = 2_000;
export const OUTCOMES_MAX = 1_000;

export const DecisionRequestBody = Type.Object(
  {
    customer: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: CUSTOMER_LENGTH_MAX,
        pattern: "^(?!anon:)",
        description: "may not begin with anon:",
      }),
    ),
    anonymousId: Type.Optional(Type.String({ minLength: 1, maxLength: ANONYMOUS_LENGTH_MAX })),
    channel: Name,
    placements: Type.Array(
      Type.Object(
        { name: Name, limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 32 })) },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: DECISION_PLACEMENTS_MAX },
    ),
    context: Type.Optional(PropsSchema),
    locale: Type.Optional(Type.String({ pattern: "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$", description: "BCP 47" })),
    deadlineMs: Type.Optional(
      Type.Integer({ minimum: 1, maximum: DEADLINE_MAX_MS, description: `${DEADLINE_DEFAULT_MS} where not given` }),
    ),
  },
  { additionalProperties: false, description: "customer or anonymousId is required" },
);

export const OutcomeBody = Type.Object(
  {
    trackingCode: Type.String({ pattern: "^[A-Za-z0-9_-]{22}\\.\\d{1,3}$" }),
    outcome: Type.Enum(REPORTED_OUTCOMES),
    reason: Type.Optional(Type.String({ maxLength: 256 })),
    until: Type.Optional(Time),
    ts: Type.Optional(Time),
    value: Type.Optional(Type.Number()),
  },
  { additionalProperties: false },
);

const Content = Type.Record(Type.String(), Type.Union([Type.String(), Type.Array(Type.String())]));

const SlateItem = Type.Object({
  action: Type.String(),
  treatment: Type.String(),
  channel: Type.String(),
  rank: Type.Integer({ minimum: 1 }),
  priority: Type.Number(),
  propensity: Type.Number({ minimum: 0, maximum: 1 }),
  value: Type.Number(),
  content: Content,
  reasons: Type.Array(Type.String()),
  expiresAt: Time,
  trackingCode: Type.String(),
});

export const SlateBody = Type.Object({
  placement: Type.String(),
  kind: Type.Enum(["act", "none"]),
  because: Type.Optional(Type.String()),
  items: Type.Array(SlateItem),
});

const Slate = Type.Union([
  SlateBody,
  Type.Object({
    placement: Type.String(),
    kind: Type.Literal("default"),
    because: Type.Optional(Type.String({ description: "why there is nothing else; absent where the time was up" })),
    items: Type.Array(Type.Object({ content: Content }), {
      description: "declared content: no tracking code, no contact",
    }),
  }),
]);

const TriggerRef = Type.Object({ id: Type.String(), source: Type.String(), event: Type.String() });

export const DecisionBody = Type.Object({
  decisionId: Type.Optional(Type.String({ description: "absent where the default was answered" })),
  customer: Type.String(),
  slates: Type.Array(Slate),
  degraded: Type.Array(Type.String(), {
    description: "`deadline`, `joining`: the placement's declared default; a model's name: its default",
  }),
  direction: Type.Enum(["inbound", "outbound"]),
  trigger: Type.Optional(TriggerRef),
  arms: Type.Optional(
    Type.Array(Type.Object({ experiment: Type.String(), arm: Type.String() }), {
      description: "of the experiments that the customer is in; absent where in none",
    }),
  ),
  now: Type.Optional(Time),
});

export const CardBody = Type.Object(
  {
    decisionId: Type.String(),
    trackingCode: Type.String(),
    placement: Type.String(),
    channel: Type.String(),
    action: Type.String(),
    treatment: Type.String(),
    rank: Type.Integer({ minimum: 1 }),
    title: Type.String(),
    script: Type.String(),
    reasons: Type.Array(Type.String()),
    priority: Type.Number(),
    propensity: Type.Number(),
    value: Type.Number(),
    expiresAt: Time,
    content: Content,
  },
  { description: "one next best action on a screen" },
);

const ContactBody = Type.Object({
  trackingCode: Type.String(),
  decisionId: Type.String(),
  issue: Type.String(),
  group: Type.String(),
  action: Type.String(),
  treatment: Type.String(),
  channel: Type.String(),
  placement: Type.String(),
  direction: Type.Enum(["inbound", "outbound"]),
  at: Time,
  state: Type.Enum(["reserved", "confirmed", "released"]),
  outcome: Type.Enum([...OUTCOMES]),
  outcomeAt: Type.Optional(Time),
  until: Type.Optional(Time),
  reservedUntil: Type.Optional(Time),
  expiresAt: Time,
  live: Type.Boolean(),
  rank: Type.Integer(),
});

export const FatigueBody = Type.Object(
  {
    limit: Type.String(),
    per: Type.Optional(Type.String({ description: "the channel, issue, group or action that this counter is for" })),
    direction: Type.Optional(
      Type.Enum(["inbound", "outbound"], { description: "of a limit that counts each direction for itself" }),
    ),
    counted: Type.Integer(),
    max: Type.Integer(),
    windowMs: Type.Integer(),
    days: Type.Optional(
      Type.Integer({ description: "calendar days of the customer, today among them, in the place of windowMs" }),
    ),
  },
  { description: "how much of a contact limit is used now" },
);

export const PressureBody = Type.Object(
  {
    total: Type.Number({ minimum: 0 }),
    leaves: Type.Record(Type.String(), Type.Number(), {
      description: "by channel, in (0, 1]: the share of a priority",
    }),
  },
  { description: "fatigue as declared; absent where the rulebook declares none" },
);

export const CustomerBody = Type.Object({
  customer: Type.String(),
  anonymous: Type.Boolean(),
  partition: Type.Integer(),
  cursor: Type.String({ description: "the commit that this reflects" }),
  now: Time,
  attributes: Type.Record(Type.String(), PropValueSchema),
  features: Type.Record(Type.String(), Type.Union([Type.Number(), Type.Null()])),
  propensities: Type.Record(Type.String(), Type.Number()),
  contacts: Type.Array(ContactBody),
  fatigue: Type.Array(FatigueBody),
  pressure: Type.Optional(PressureBody),
  openCases: Type.Array(
    Type.Object({ caseId: Type.String(), kind: Type.String(), openedAt: Time, slaDueAt: Type.Optional(Time) }),
  ),
  tasks: Type.Array(
    Type.Object({ taskId: Type.String(), title: Type.String(), state: Type.String(), dueAt: Type.Optional(Time) }),
  ),
  nbas: Type.Array(CardBody),
  patterns: Type.Array(
    Type.Object({
      trigger: Type.String(),
      due: Type.Optional(Time),
      marks: Type.Array(Type.Object({ step: Type.Integer(), at: Time, source: Type.String(), event: Type.String() })),
    }),
    { description: "patterns of events that have begun; due: complete then if nothing happens" },
  ),
  held: Type.Array(
    Type.Object({ trigger: Type.String(), source: Type.String(), event: Type.String(), at: Time, until: Time }),
    { description: "messages kept back by quiet hours, to be decided again" },
  ),
  joinedTo: Type.Optional(Type.String({ description: "of an anonymous profile: the customer that it belongs to" })),
  absorbed: Type.Array(Type.String(), { description: "anonymous keys that were joined to this customer" }),
  consent: Type.Array(
    Type.Object({ channel: Type.String(), purpose: Type.String(), granted: Type.Boolean(), ts: Time }),
  ),
});

export const AcceptedBody = Type.Object({ accepted: Type.Integer() });

export const ProblemBody = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  errors: Type.Optional(Type.Array(Type.Object({ pointer: Type.String(), detail: Type.String() }))),
});

export const EventsAcceptedBody = Type.Object({
  accepted: Type.Integer(),
  refused: Type.Array(Type.Object({ index: Type.Integer(), problem: ProblemBody })),
});

export const RulebookBody = Type.Object({
  version: Type.String(),
  hash: Type.String(),
  loadedAt: Time,
  placements: Type.Array(
    Type.Object({
      name: Type.String(),
      label: Type.String(),
      direction: Type.Enum(["inbound", "outbound"]),
      channels: Type.Array(Type.String()),
      slots: Type.Integer(),
    }),
  ),
  features: Type.Array(
    Type.Object({
      name: Type.String(),
      label: Type.String(),
      aggregate: Type.String(),
      windowMs: Type.Optional(Type.Integer({ description: "rolling; absent: over all time, or with a half-life" })),
      halfLifeMs: Type.Optional(Type.Integer()),
    }),
  ),
  attributes: Type.Array(
    Type.Object({
      name: Type.String(),
      label: Type.String(),
      type: Type.Enum(["number", "string", "boolean", "set"]),
    }),
  ),
  models: Type.Array(Type.String()),
  purposes: Type.Array(Type.String(), { description: "of consent, as the actions have them" }),
  counts: Type.Record(Type.String(), Type.Integer()),
  faults: Type.Array(
    Type.Object({ file: Type.String(), line: Type.Integer(), column: Type.Integer(), message: Type.String() }),
    { description: "of the last reload that was refused; empty after one that was activated" },
  ),
});

export const ReloadedBody = Type.Object({ hash: Type.String() });

export type DecisionRequestBody = Static<typeof DecisionRequestBody>;
export type OutcomeBody = Static<typeof OutcomeBody>;
export type SlateBody = Static<typeof SlateBody>;
export type DecisionBody = Static<typeof DecisionBody>;
export type CardBody = Static<typeof CardBody>;
export type ContactBody = Static<typeof ContactBody>;
export type PressureBody = Static<typeof PressureBody>;
export type FatigueBody = Static<typeof FatigueBody>;
export type CustomerBody = Static<typeof CustomerBody>;
export type RulebookBody = Static<typeof RulebookBody>;
