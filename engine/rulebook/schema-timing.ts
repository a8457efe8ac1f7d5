// The shape of rules/triggers.yaml, campaigns.yaml and experiments.yaml: what asks for decisions, and when they differ.
import { type Static, Type } from "typebox";
import { CEL, CLOSED, DURATION, EVENT_TYPES, ID, LEVER, MOMENT, many, some } from "./schema-terms.ts";

const STEP = Type.Object({ on: EVENT_TYPES, where: Type.Optional(CEL) }, CLOSED);
const ANY_STEP = Type.Object({ on: Type.Optional(EVENT_TYPES), where: Type.Optional(CEL) }, CLOSED);

/** What a trigger waits for: exactly one of these. */
export const TRIGGER_KINDS = ["on", "sequence", "absence", "count", "inactivity", "daily", "rejected"] as const;

const TRIGGER = Type.Object(
  {
    id: ID,
    on: Type.Optional(EVENT_TYPES),
    sequence: Type.Optional(
      Type.Object({ steps: Type.Array(STEP, { minItems: 2, maxItems: 5 }), within: DURATION }, CLOSED),
    ),
    absence: Type.Optional(Type.Object({ after: STEP, of: STEP, within: DURATION }, CLOSED)),
    count: Type.Optional(
      Type.Object({ of: STEP, times: Type.Integer({ minimum: 2, maximum: 100 }), within: DURATION }, CLOSED),
    ),
    inactivity: Type.Optional(Type.Object({ of: Type.Optional(ANY_STEP), for: DURATION }, CLOSED)),
    daily: Type.Optional(Type.Boolean()),
    rejected: Type.Optional(some(Type.Enum(["declined", "later", "not-delivered"]), 3)),
    when: Type.Optional(CEL),
    placement: ID,
    holdFor: Type.Optional(DURATION),
  },
  CLOSED,
);
export const TRIGGERS_FILE = Type.Object({ triggers: many(TRIGGER, 256) }, CLOSED);

const CAMPAIGN = Type.Object(
  {
    id: ID,
    when: Type.Optional(CEL),
    placement: ID,
    from: MOMENT,
    to: MOMENT,
    perSecond: Type.Number({ exclusiveMinimum: 0, maximum: 100_000 }),
    holdFor: Type.Optional(DURATION),
  },
  CLOSED,
);
export const CAMPAIGNS_FILE = Type.Object({ campaigns: many(CAMPAIGN, 64) }, CLOSED);

const SALT = Type.String({ minLength: 1, maxLength: 64, description: 'a text in quotes such as "2026"' });
const LEVERS = Type.Optional(Type.Object({}, { additionalProperties: LEVER }));
const BUCKET = Type.Integer({ minimum: 0, maximum: 99 });

const ARM = Type.Object(
  {
    id: ID,
    weight: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 }),
    levers: Type.Optional(Type.Object({ actions: LEVERS, groups: LEVERS, issues: LEVERS }, CLOSED)),
    treatmentsOff: Type.Optional(
      some(Type.String({ minLength: 1, maxLength: 128, description: "a treatment's id" }), 256),
    ),
    variant: Type.Optional(ID),
  },
  CLOSED,
);
const EXPERIMENT = Type.Object(
  {
    id: ID,
    layer: ID,
    salt: Type.Optional(SALT),
    buckets: Type.Optional(
      Type.Array(BUCKET, { minItems: 2, maxItems: 2, description: "the first and last bucket such as [0, 49]" }),
    ),
    from: Type.Optional(MOMENT),
    to: Type.Optional(MOMENT),
    when: Type.Optional(CEL),
    arms: Type.Array(ARM, { minItems: 2, maxItems: 16 }),
  },
  CLOSED,
);
export const EXPERIMENTS_FILE = Type.Object(
  {
    holdout: Type.Optional(
      Type.Object({ share: Type.Number({ minimum: 0, exclusiveMaximum: 1 }), salt: Type.Optional(SALT) }, CLOSED),
    ),
    experiments: Type.Optional(many(EXPERIMENT, 64)),
  },
  CLOSED,
);

export type TriggersFile = Static<typeof TRIGGERS_FILE>;
export type WrittenTrigger = Static<typeof TRIGGER>;
export type WrittenStep = Static<typeof ANY_STEP>;
export type CampaignsFile = Static<typeof CAMPAIGNS_FILE>;
export type ExperimentsFile = Static<typeof EXPERIMENTS_FILE>;
export type WrittenExperiment = Static<typeof EXPERIMENT>;
export type WrittenArm = Static<typeof ARM>;
