// The shape of every file under rules/, once: TypeScript types, checks, and JSON Schema for editors.
import { type Static, type TSchema, Type } from "typebox";
import { COUNTS_AT } from "../domain/contact.ts";

const CLOSED = { additionalProperties: false };
const DURATION = Type.String({
  pattern: "^\\d{1,9}(ms|s|m|h|d|w)$",
  description: "a duration such as 10m, 24h or 30d",
});
const NAME = Type.String({
  pattern: "^[a-z][a-z0-9_]{0,63}$",
  description: "a name of lower case letters, digits and _ such as spend_30d",
});
const ID = Type.String({
  pattern: "^[a-z0-9][a-z0-9-]{0,63}$",
  description: "an id of lower case letters, digits and - such as save-offer",
});
const TREATMENT_ID = Type.String({
  pattern: "^[a-z0-9][a-z0-9:-]{0,127}$",
  description: "an id of lower case letters, digits, - and : such as save-offer:email",
});
const MOMENT = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2})?Z)?$",
  description: "a day such as 2026-01-31, or a moment such as 2026-01-31T09:00Z",
});
const LOCALE = Type.String({
  pattern: "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
  description: "a locale such as en or de-AT",
});
const LABEL = Type.String({ minLength: 1, maxLength: 120, description: "a text of 1 to 120 characters" });
const EVENT_TYPE = Type.String({ minLength: 1, maxLength: 64, description: "an event type such as page_view" });
const TEXT = Type.String({ minLength: 1, maxLength: 2_000, description: "a text of 1 to 2,000 characters" });
const CEL = Type.String({ minLength: 1, description: "a CEL expression" });
const LEVER = Type.Number({ minimum: 0, maximum: 1_000 });
const EXPONENT = Type.Number({ minimum: 0, maximum: 10 });

const LINES = Type.Array(TEXT, { minItems: 1, maxItems: 12 });
/** A text, or one for each locale, `en` among them. */
const LOCALISED_TEXT = Type.Union([TEXT, Type.Object({ en: TEXT }, { additionalProperties: TEXT })]);
const LOCALISED_LINES = Type.Union([LINES, Type.Object({ en: LINES }, { additionalProperties: LINES })]);

const many = <Item extends TSchema>(item: Item, maxItems: number) => Type.Array(item, { maxItems });

const RULE = Type.Union([
  CEL,
  Type.Object({ id: Type.Optional(ID), rule: CEL, why: Type.Optional(Type.String({ maxLength: 400 })) }, CLOSED),
]);
const RULES = Type.Optional(many(RULE, 32));

export const RULEBOOK_FILE = Type.Object(
  {
    version: Type.String({ minLength: 1, maxLength: 64, description: 'a version in quotes such as "1.4"' }),
    defaultLocale: Type.Optional(LOCALE),
    arbitration: Type.Optional(
      Type.Object(
        {
          propensity: Type.Optional(EXPONENT),
          context: Type.Optional(EXPONENT),
          value: Type.Optional(EXPONENT),
          lever: Type.Optional(EXPONENT),
        },
        CLOSED,
      ),
    ),
  },
  CLOSED,
);

export const ATTRIBUTE = Type.Object(
  { name: NAME, label: LABEL, type: Type.Enum(["number", "string", "boolean", "set"]) },
  CLOSED,
);

export const FEATURE = Type.Object(
  {
    name: NAME,
    label: LABEL,
    aggregate: Type.Enum(["count", "sum", "mean", "min", "max", "distinct", "last", "recency", "ratio"]),
    of: Type.Optional(Type.Array(EVENT_TYPE, { minItems: 1, maxItems: 32 })),
    where: Type.Optional(CEL),
    field: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: "the name of an event's property" })),
    window: Type.Optional(DURATION),
    pane: Type.Optional(DURATION),
    halfLife: Type.Optional(DURATION),
    numerator: Type.Optional(NAME),
    denominator: Type.Optional(NAME),
  },
  CLOSED,
);

export const FEATURES_FILE = Type.Object(
  { attributes: Type.Optional(many(ATTRIBUTE, 256)), features: Type.Optional(many(FEATURE, 512)) },
  CLOSED,
);

export const CHANNEL = Type.Object(
  {
    name: ID,
    label: LABEL,
    kind: Type.Enum(["websocket", "stream", "pull"]),
    countsAt: Type.Enum([...COUNTS_AT]),
    reserveFor: Type.Optional(DURATION),
    consentDefault: Type.Optional(Type.Enum(["granted", "denied"])),
  },
  CLOSED,
);
export const CHANNELS_FILE = Type.Object({ channels: many(CHANNEL, 32) }, CLOSED);

export const PLACEMENT = Type.Object(
  {
    name: ID,
    label: LABEL,
    direction: Type.Enum(["inbound", "outbound"]),
    channels: Type.Array(ID, { minItems: 1, maxItems: 32 }),
    slots: Type.Integer({ minimum: 1, maximum: 20 }),
    sticky: Type.Optional(DURATION),
    fallback: Type.Optional(Type.Object({ title: LABEL, text: TEXT }, CLOSED)),
  },
  CLOSED,
);
export const PLACEMENTS_FILE = Type.Object({ placements: many(PLACEMENT, 128) }, CLOSED);

export const TRIGGER = Type.Object(
  {
    id: ID,
    on: Type.Array(EVENT_TYPE, { minItems: 1, maxItems: 32 }),
    when: Type.Optional(CEL),
    placement: ID,
  },
  CLOSED,
);
export const TRIGGERS_FILE = Type.Object({ triggers: many(TRIGGER, 256) }, CLOSED);

export const CONTACT_LIMIT = Type.Object(
  {
    id: ID,
    max: Type.Integer({ minimum: 1, maximum: 100 }),
    window: DURATION,
    channel: Type.Optional(ID),
    issue: Type.Optional(ID),
    group: Type.Optional(ID),
    action: Type.Optional(ID),
    direction: Type.Optional(Type.Enum(["inbound", "outbound", "both"])),
    per: Type.Optional(Type.Enum(["all", "channel", "issue", "group", "action"])),
  },
  CLOSED,
);
export const COOL_DOWN = Type.Object(
  {
    id: ID,
    after: Type.Enum(["accepted", "declined", "converted", "no-response"]),
    scope: Type.Enum(["action", "group", "issue"]),
    for: DURATION,
    only: Type.Optional(ID),
  },
  CLOSED,
);
export const CONTACT_POLICY_FILE = Type.Object(
  { limits: Type.Optional(many(CONTACT_LIMIT, 128)), coolDowns: Type.Optional(many(COOL_DOWN, 128)) },
  CLOSED,
);

const POLICY = { eligibility: RULES, applicability: RULES, suitability: RULES, lever: Type.Optional(LEVER) };
const PRIOR = Type.Object(
  {
    mean: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }),
    weight: Type.Number({ exclusiveMinimum: 0, maximum: 100_000 }),
  },
  CLOSED,
);

export const CONTENT = Type.Object(
  {
    title: Type.Optional(LOCALISED_TEXT),
    text: Type.Optional(LOCALISED_TEXT),
    subject: Type.Optional(LOCALISED_TEXT),
    cta: Type.Optional(LOCALISED_TEXT),
    link: Type.Optional(LOCALISED_TEXT),
    script: Type.Optional(LOCALISED_TEXT),
    talkingPoints: Type.Optional(LOCALISED_LINES),
  },
  CLOSED,
);

export const TREATMENT = Type.Object(
  {
    channel: ID,
    id: Type.Optional(TREATMENT_ID),
    placements: Type.Optional(Type.Array(ID, { minItems: 1, maxItems: 32 })),
    prior: Type.Optional(PRIOR),
    content: CONTENT,
  },
  CLOSED,
);

export const ACTION = Type.Object(
  {
    id: ID,
    label: LABEL,
    enabled: Type.Optional(Type.Boolean()),
    from: Type.Optional(MOMENT),
    to: Type.Optional(MOMENT),
    ...POLICY,
    context: Type.Optional(many(Type.Object({ when: CEL, weight: LEVER }, CLOSED), 32)),
    value: Type.Union([Type.Number({ minimum: 0, maximum: 1e9 }), CEL]),
    propensity: Type.Object({ prior: PRIOR, floor: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })) }, CLOSED),
    expiresAfter: Type.Optional(DURATION),
    responseWindow: Type.Optional(DURATION),
    reasons: Type.Optional(
      many(Type.Union([TEXT, Type.Object({ when: Type.Optional(CEL), text: LOCALISED_TEXT }, CLOSED)]), 16),
    ),
    treatments: Type.Array(TREATMENT, { minItems: 1, maxItems: 32 }),
  },
  CLOSED,
);

export const GROUP = Type.Object({ id: ID, label: LABEL, ...POLICY, actions: many(ACTION, 1_000) }, CLOSED);
export const ACTIONS_FILE = Type.Object(
  {
    issue: Type.Object({ id: ID, label: LABEL, purpose: Type.Optional(ID), ...POLICY }, CLOSED),
    groups: Type.Array(GROUP, { minItems: 1, maxItems: 100 }),
  },
  CLOSED,
);

export type RulebookFile = Static<typeof RULEBOOK_FILE>;
export type FeaturesFile = Static<typeof FEATURES_FILE>;
export type WrittenFeature = Static<typeof FEATURE>;
export type ChannelsFile = Static<typeof CHANNELS_FILE>;
export type PlacementsFile = Static<typeof PLACEMENTS_FILE>;
export type TriggersFile = Static<typeof TRIGGERS_FILE>;
export type ContactPolicyFile = Static<typeof CONTACT_POLICY_FILE>;
export type ActionsFile = Static<typeof ACTIONS_FILE>;
type WrittenGroup = Static<typeof GROUP>;
export type WrittenAction = Static<typeof ACTION>;
export type WrittenTreatment = Static<typeof TREATMENT>;
export type WrittenContent = Static<typeof CONTENT>;
export type WrittenRule = Static<typeof RULE>;
export type WrittenText = Static<typeof LOCALISED_TEXT>;

/** Files by kind: what each path below rules/ holds. */
export const FILE_SCHEMAS = {
  "rulebook.yaml": RULEBOOK_FILE,
  "features.yaml": FEATURES_FILE,
  "channels.yaml": CHANNELS_FILE,
  "placements.yaml": PLACEMENTS_FILE,
  "triggers.yaml": TRIGGERS_FILE,
  "contact-policy.yaml": CONTACT_POLICY_FILE,
  "actions/*.yaml": ACTIONS_FILE,
} as const;

/** JSON Schema (draft 2020-12) of every kind of file, for editors. */
export function rulebookJsonSchemas(): Record<string, object> {
  const entries = Object.entries(FILE_SCHEMAS).map(([path, schema]) => [
    path,
    { $schema: "https://json-schema.org/draft/2020-12/schema", title: `rules/${path}`, ...schema },
  ]);
  return JSON.parse(JSON.stringify(Object.fromEntries(entries))) as Record<string, object>;
}
