// The JSON of what operators look into: supposed decisions, a customer's past, all that a record holds. As in wire.ts.
import Type, { type Static } from "typebox";
import { InstantSchema, PropsSchema, PropValueSchema } from "../ingest/schemas.ts";
import { DecisionBody, DecisionRequestBody, SlateBody } from "./wire.ts";

const Name = Type.String({ minLength: 1, maxLength: 64 });
const NAMES_MAX = 256;
const orNull = <Schema extends Parameters<typeof Type.Optional>[0]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);

const Overrides = Type.Object(
  {
    now: Type.Optional(InstantSchema),
    attributes: Type.Optional(
      Type.Record(Name, orNull(PropValueSchema), { maxProperties: NAMES_MAX, description: "null: never set" }),
    ),
    features: Type.Optional(
      Type.Record(Name, orNull(Type.Number()), { maxProperties: NAMES_MAX, description: "null: without a value" }),
    ),
    models: Type.Optional(
      Type.Record(Name, Type.Number(), {
        maxProperties: NAMES_MAX,
        description: "outputs; these models are not asked",
      }),
    ),
    consents: Type.Optional(
      Type.Array(
        Type.Object({ channel: Name, purpose: Name, granted: Type.Boolean() }, { additionalProperties: false }),
        { maxItems: 64, description: "newer than any record of the same channel and purpose; channel * is every one" },
      ),
    ),
    openCases: Type.Optional(
      Type.Array(Type.Object({ kind: Name }, { additionalProperties: false }), {
        maxItems: 16,
        description: "in the place of all open cases",
      }),
    ),
    contacts: Type.Optional(
      Type.Enum(["keep", "none"], { description: "none: as if nobody had contacted the customer before" }),
    ),
  },
  { additionalProperties: false, description: "taken for true instead of what the profile says" },
);

const { channel, deadlineMs: _, ...asked } = DecisionRequestBody.properties;

export const SimulationRequestBody = Type.Object(
  {
    ...asked,
    channel: Type.Optional(channel),
    direction: Type.Optional(
      Type.Enum(["inbound", "outbound"], {
        description: "inbound where not given: as an ask. outbound: as a trigger, whose channel may be left open",
      }),
    ),
    deadlineMs: Type.Optional(Type.Integer({ minimum: 1, description: "taken, and without effect" })),
    overrides: Type.Optional(Overrides),
  },
  { additionalProperties: false, description: "a decision request, and what to suppose; channel is required inbound" },
);

/** What a decision's record holds beyond what an app is told. */
const Record = {
  rulebook: Type.Object({ hash: Type.String() }),
  models: Type.Array(
    Type.Object({ name: Type.String(), sha256: Type.String(), value: Type.Number(), fallback: Type.Boolean() }),
  ),
  arms: Type.Array(Type.Object({ experiment: Type.String(), arm: Type.String() })),
  withheld: Type.Array(SlateBody, { description: "what the holdout keeps back: it was shown to nobody" }),
  heldUntil: Type.Optional(InstantSchema),
  pressure: Type.Number({ minimum: 0 }),
  spent: Type.Array(Type.Object({ quota: Type.String(), units: Type.Number() })),
};

export const RecordBody = Type.Intersect([DecisionBody, Type.Object(Record)]);

export const ExplainedBody = Type.Intersect([RecordBody, Type.Object({ explanation: Type.Object({}) })]);

export const SimulationBody = Type.Intersect([
  RecordBody,
  Type.Object({ simulated: Type.Literal(true), explanation: Type.Object({}) }),
]);

const Since = Type.Optional(
  Type.Integer({ description: "everything since then was looked through; absent: everything there is" }),
);

export const CustomerDecisionsBody = Type.Object({
  decisions: Type.Array(RecordBody, { description: "newest first" }),
  since: Since,
});

export const CustomerEventsBody = Type.Object({
  events: Type.Array(
    Type.Object({
      id: Type.String(),
      type: Type.String(),
      ts: InstantSchema,
      takenAt: InstantSchema,
      source: Type.String(),
      channel: Type.Optional(Type.String()),
      props: PropsSchema,
    }),
    { description: "newest first" },
  ),
  since: Since,
});

export type SimulationRequestBody = Static<typeof SimulationRequestBody>;
export type RecordBody = Static<typeof RecordBody>;
export type SimulationBody = Static<typeof SimulationBody>;
export type CustomerDecisionsBody = Static<typeof CustomerDecisionsBody>;
export type CustomerEventsBody = Static<typeof CustomerEventsBody>;
