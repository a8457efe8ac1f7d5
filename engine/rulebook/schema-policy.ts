// The shape of rules/contact-policy.yaml and quotas.yaml.
import { type Static, Type } from "typebox";
import { ACTION_SET, CLOSED, DURATION, ID, many, some, TIME_ZONE } from "./schema-terms.ts";

const TIME_OF_DAY = Type.String({
  pattern: "^([01]\\d|2[0-3]):[0-5]\\d$|^24:00$",
  description: 'a time of day in quotes such as "21:00"',
});
const CAUSE = Type.Enum(["accepted", "declined", "converted", "no-response", "clicked", "contacted"]);
/** One of each kind at most: what is named must all hold. */
const SCOPE = {
  channel: Type.Optional(ID),
  issue: Type.Optional(ID),
  group: Type.Optional(ID),
  action: Type.Optional(ID),
};

const CONTACT_LIMIT = Type.Object(
  {
    id: ID,
    max: Type.Integer({ minimum: 1, maximum: 100 }),
    window: Type.Optional(DURATION),
    days: Type.Optional(Type.Integer({ minimum: 1, maximum: 31 })),
    ...SCOPE,
    direction: Type.Optional(Type.Enum(["inbound", "outbound", "both", "each"])),
    per: Type.Optional(Type.Enum(["all", "channel", "issue", "group", "action"])),
  },
  CLOSED,
);

const COOL_DOWN = Type.Object(
  {
    id: ID,
    after: CAUSE,
    times: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    within: Type.Optional(DURATION),
    scope: Type.Enum(["action", "group", "issue", "channel", "all"]),
    for: DURATION,
    only: Type.Optional(ID),
  },
  CLOSED,
);

const RELATED = Type.Object(
  {
    id: ID,
    after: CAUSE,
    of: Type.Object(ACTION_SET, CLOSED),
    suppresses: Type.Object(ACTION_SET, CLOSED),
    for: DURATION,
  },
  CLOSED,
);

const CASE_RULE = Type.Object(
  {
    id: ID,
    kinds: Type.Optional(some(Type.String({ minLength: 1, maxLength: 64, description: "a kind of case" }), 32)),
    suppresses: Type.Optional(Type.Object(ACTION_SET, CLOSED)),
  },
  CLOSED,
);

/** Monday first, as QuietHours.days. */
export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

const QUIET_HOURS = Type.Object(
  {
    id: ID,
    from: TIME_OF_DAY,
    to: TIME_OF_DAY,
    days: Type.Optional(some(Type.Enum([...WEEKDAYS]), 7)),
    channels: Type.Optional(some(ID, 32)),
  },
  CLOSED,
);

export const CONTACT_POLICY_FILE = Type.Object(
  {
    limits: Type.Optional(many(CONTACT_LIMIT, 128)),
    coolDowns: Type.Optional(many(COOL_DOWN, 128)),
    related: Type.Optional(many(RELATED, 128)),
    openCases: Type.Optional(many(CASE_RULE, 32)),
    quietHours: Type.Optional(many(QUIET_HOURS, 32)),
  },
  CLOSED,
);

const QUOTA = Type.Object(
  {
    id: ID,
    max: Type.Number({ exclusiveMinimum: 0, maximum: 1e12 }),
    unit: Type.Optional(Type.Enum(["contacts", "cost"])),
    per: Type.Enum(["day", "total"]),
    timeZone: Type.Optional(TIME_ZONE),
    pacing: Type.Optional(Type.Enum(["none", "even"])),
    ...SCOPE,
  },
  CLOSED,
);
export const QUOTAS_FILE = Type.Object({ quotas: many(QUOTA, 64) }, CLOSED);

export type ContactPolicyFile = Static<typeof CONTACT_POLICY_FILE>;
export type WrittenLimit = Static<typeof CONTACT_LIMIT>;
export type WrittenCoolDown = Static<typeof COOL_DOWN>;
export type WrittenQuietHours = Static<typeof QUIET_HOURS>;
export type QuotasFile = Static<typeof QUOTAS_FILE>;
