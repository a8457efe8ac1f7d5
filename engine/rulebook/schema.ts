// The shape of every file under rules/, once: TypeScript types, checks, and JSON Schema for editors.
import { type Static, type TSchema, Type } from "typebox";
import { COUNTS_AT } from "../domain/contact.ts";
import { ACTIONS_FILE } from "./schema-actions.ts";
import { CONTACT_POLICY_FILE, QUOTAS_FILE } from "./schema-policy.ts";
import {
  ACTION_SET,
  CEL,
  CLOSED,
  DURATION,
  EVENT_TYPES,
  ID,
  LABEL,
  LOCALE,
  many,
  NAME,
  some,
  TEXT,
  TIME_ZONE,
} from "./schema-terms.ts";
import { CAMPAIGNS_FILE, EXPERIMENTS_FILE, TRIGGERS_FILE } from "./schema-timing.ts";

const EXPONENT = Type.Optional(Type.Number({ minimum: 0, maximum: 10 }));
const SHARE = Type.Number({ minimum: 0, maximum: 1 });
const PRESSURE = Type.Number({ minimum: 0, maximum: 1_000 });

const ARBITRATION = Type.Object(
  {
    propensity: EXPONENT,
    context: EXPONENT,
    value: EXPONENT,
    lever: EXPONENT,
    boost: EXPONENT,
    fatigue: EXPONENT,
  },
  CLOSED,
);
const TIME_ZONES = Type.Object(
  {
    default: Type.Optional(TIME_ZONE),
    attribute: Type.Optional(NAME),
    countryAttribute: Type.Optional(NAME),
    countries: Type.Optional(Type.Object({}, { additionalProperties: TIME_ZONE })),
  },
  CLOSED,
);
const FATIGUE = Type.Object(
  {
    halfLife: DURATION,
    halvesAt: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 }),
    weights: Type.Optional(Type.Object({}, { additionalProperties: PRESSURE })),
    otherWeight: Type.Optional(PRESSURE),
    answered: Type.Optional(SHARE),
    otherChannels: Type.Optional(SHARE),
  },
  CLOSED,
);
const BOOST = Type.Object(
  {
    id: ID,
    after: Type.Enum(["presented", "clicked", "accepted", "declined", "later", "converted", "no-response"]),
    scope: Type.Enum(["action", "group", "issue"]),
    only: Type.Optional(ID),
    weight: Type.Number({ exclusiveMinimum: 0, maximum: 1_000 }),
    halfLife: DURATION,
  },
  CLOSED,
);
const AT_MOST = Type.Object(
  {
    id: ID,
    max: Type.Integer({ minimum: 1, maximum: 100 }),
    per: Type.Optional(Type.Enum(["decision", "slate"])),
    ...ACTION_SET,
  },
  CLOSED,
);
const BUNDLE = Type.Object({ id: ID, actions: Type.Array(ID, { minItems: 2, maxItems: 8 }) }, CLOSED);

const RULEBOOK_FILE = Type.Object(
  {
    version: Type.String({ minLength: 1, maxLength: 64, description: 'a version in quotes such as "1.4"' }),
    defaultLocale: Type.Optional(LOCALE),
    arbitration: Type.Optional(ARBITRATION),
    purposes: Type.Optional(many(Type.Object({ id: ID, exempt: Type.Optional(Type.Boolean()) }, CLOSED), 64)),
    timeZone: Type.Optional(TIME_ZONES),
    fatigue: Type.Optional(FATIGUE),
    boosts: Type.Optional(many(BOOST, 64)),
    atMost: Type.Optional(many(AT_MOST, 64)),
    bundles: Type.Optional(many(BUNDLE, 64)),
  },
  CLOSED,
);

const ATTRIBUTE = Type.Object(
  { name: NAME, label: LABEL, type: Type.Enum(["number", "string", "boolean", "set"]) },
  CLOSED,
);
const FEATURE = Type.Object(
  {
    name: NAME,
    label: LABEL,
    aggregate: Type.Enum(["count", "sum", "mean", "min", "max", "distinct", "last", "recency", "ratio"]),
    of: Type.Optional(EVENT_TYPES),
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
const FEATURES_FILE = Type.Object(
  { attributes: Type.Optional(many(ATTRIBUTE, 256)), features: Type.Optional(many(FEATURE, 512)) },
  CLOSED,
);

const SEGMENT = Type.Object({ id: NAME, label: LABEL, rule: CEL }, CLOSED);
const SEGMENTS_FILE = Type.Object({ segments: many(SEGMENT, 256) }, CLOSED);

const CONSENT = Type.Enum(["granted", "denied"]);
const WEBHOOK = Type.Object(
  {
    url: Type.String({ minLength: 1, maxLength: 2_000, description: "the address that messages are posted to" }),
    secretFrom: Type.String({
      pattern: "^[A-Z][A-Z0-9_]{0,63}$",
      description: "the name of an environment variable that holds the signing secret, such as PUSH_WEBHOOK_SECRET",
    }),
    timeout: Type.Optional(DURATION),
    inFlight: Type.Optional(Type.Integer({ minimum: 1, maximum: 256 })),
    allowHttp: Type.Optional(Type.Boolean()),
  },
  CLOSED,
);
const CHANNEL = Type.Object(
  {
    name: ID,
    label: LABEL,
    kind: Type.Enum(["websocket", "stream", "webhook", "pull"]),
    countsAt: Type.Enum([...COUNTS_AT]),
    reserveFor: Type.Optional(DURATION),
    maxAge: Type.Optional(DURATION),
    webhook: Type.Optional(WEBHOOK),
    consentDefault: Type.Optional(
      Type.Union([CONSENT, Type.Object({ "*": Type.Optional(CONSENT) }, { additionalProperties: CONSENT })]),
    ),
    format: Type.Optional(Type.Enum(["text", "html"])),
  },
  CLOSED,
);
const CHANNELS_FILE = Type.Object({ channels: many(CHANNEL, 32) }, CLOSED);

const PLACEMENT = Type.Object(
  {
    name: ID,
    label: LABEL,
    direction: Type.Enum(["inbound", "outbound"]),
    channels: some(ID, 32),
    slots: Type.Integer({ minimum: 1, maximum: 20 }),
    sticky: Type.Optional(DURATION),
    minPriority: Type.Optional(Type.Number({ minimum: 0, maximum: 1e12 })),
    fallback: Type.Optional(Type.Object({ title: LABEL, text: TEXT }, CLOSED)),
  },
  CLOSED,
);
const PLACEMENTS_FILE = Type.Object({ placements: many(PLACEMENT, 128) }, CLOSED);

export type RulebookFile = Static<typeof RULEBOOK_FILE>;
export type FeaturesFile = Static<typeof FEATURES_FILE>;
export type WrittenFeature = Static<typeof FEATURE>;
export type SegmentsFile = Static<typeof SEGMENTS_FILE>;
export type ChannelsFile = Static<typeof CHANNELS_FILE>;
export type WrittenChannel = Static<typeof CHANNEL>;
export type PlacementsFile = Static<typeof PLACEMENTS_FILE>;

/** Files by kind: what each path below rules/ holds. */
export const FILE_SCHEMAS = {
  "rulebook.yaml": RULEBOOK_FILE,
  "features.yaml": FEATURES_FILE,
  "segments.yaml": SEGMENTS_FILE,
  "channels.yaml": CHANNELS_FILE,
  "placements.yaml": PLACEMENTS_FILE,
  "triggers.yaml": TRIGGERS_FILE,
  "campaigns.yaml": CAMPAIGNS_FILE,
  "contact-policy.yaml": CONTACT_POLICY_FILE,
  "quotas.yaml": QUOTAS_FILE,
  "experiments.yaml": EXPERIMENTS_FILE,
  "actions/*.yaml": ACTIONS_FILE,
} as const satisfies Readonly<Record<string, TSchema>>;

/** JSON Schema (draft 2020-12) of every kind of file, for editors. */
export function rulebookJsonSchemas(): Record<string, object> {
  const entries = Object.entries(FILE_SCHEMAS).map(([path, schema]) => [
    path,
    { $schema: "https://json-schema.org/draft/2020-12/schema", title: `rules/${path}`, ...schema },
  ]);
  return JSON.parse(JSON.stringify(Object.fromEntries(entries))) as Record<string, object>;
}
