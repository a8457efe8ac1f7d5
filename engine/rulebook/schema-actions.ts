// The shape of rules/actions/*.yaml.
import { type Static, Type } from "typebox";
import { CEL, CLOSED, DURATION, ID, LABEL, LEVER, MOMENT, many, some, TEXT } from "./schema-terms.ts";

const TREATMENT_ID = Type.String({
  pattern: "^[a-z0-9][a-z0-9:-]{0,127}$",
  description: "an id of lower case letters, digits, - and : such as save-offer:email",
});
const COST = Type.Number({ minimum: 0, maximum: 1e9 });

const LINES = some(TEXT, 12);
/** A text, or one for each locale, `en` among them. */
const LOCALISED_TEXT = Type.Union([TEXT, Type.Object({ en: TEXT }, { additionalProperties: TEXT })]);
const LOCALISED_LINES = Type.Union([LINES, Type.Object({ en: LINES }, { additionalProperties: LINES })]);

const RULE = Type.Union([
  CEL,
  Type.Object({ id: Type.Optional(ID), rule: CEL, why: Type.Optional(Type.String({ maxLength: 400 })) }, CLOSED),
]);
const RULES = Type.Optional(many(RULE, 32));
const POLICY = { eligibility: RULES, applicability: RULES, suitability: RULES, lever: Type.Optional(LEVER) };
const CONTEXT = Type.Optional(many(Type.Object({ when: CEL, weight: LEVER }, CLOSED), 32));
/** When it is on offer: kill switch and [from, to). */
const OFFER = { enabled: Type.Optional(Type.Boolean()), from: Type.Optional(MOMENT), to: Type.Optional(MOMENT) };
const PRIOR = Type.Object(
  {
    mean: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }),
    weight: Type.Number({ exclusiveMinimum: 0, maximum: 100_000 }),
  },
  CLOSED,
);

const CONTENT = Type.Object(
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

const TREATMENT = Type.Object(
  {
    channel: ID,
    id: Type.Optional(TREATMENT_ID),
    ...OFFER,
    placements: Type.Optional(some(ID, 32)),
    ...POLICY,
    context: CONTEXT,
    cost: Type.Optional(COST),
    prior: Type.Optional(PRIOR),
    content: CONTENT,
  },
  CLOSED,
);

const ACTION = Type.Object(
  {
    id: ID,
    label: LABEL,
    ...OFFER,
    purpose: Type.Optional(ID),
    urgent: Type.Optional(Type.Boolean()),
    ...POLICY,
    holdsRoom: Type.Optional(CEL),
    context: CONTEXT,
    value: Type.Union([Type.Number({ minimum: 0, maximum: 1e9 }), CEL]),
    cost: Type.Optional(COST),
    propensity: Type.Object({ prior: PRIOR, floor: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })) }, CLOSED),
    expiresAfter: Type.Optional(DURATION),
    responseWindow: Type.Optional(DURATION),
    reasons: Type.Optional(
      many(Type.Union([TEXT, Type.Object({ when: Type.Optional(CEL), text: LOCALISED_TEXT }, CLOSED)]), 16),
    ),
    treatments: some(TREATMENT, 32),
  },
  CLOSED,
);

const GROUP = Type.Object(
  { id: ID, label: LABEL, purpose: Type.Optional(ID), ...POLICY, actions: many(ACTION, 1_000) },
  CLOSED,
);
export const ACTIONS_FILE = Type.Object(
  {
    issue: Type.Object({ id: ID, label: LABEL, purpose: Type.Optional(ID), ...POLICY }, CLOSED),
    groups: some(GROUP, 100),
  },
  CLOSED,
);

export type ActionsFile = Static<typeof ACTIONS_FILE>;
export type WrittenAction = Static<typeof ACTION>;
export type WrittenTreatment = Static<typeof TREATMENT>;
export type WrittenContent = Static<typeof CONTENT>;
export type WrittenRule = Static<typeof RULE>;
export type WrittenContext = Static<typeof CONTEXT>;
export type WrittenText = Static<typeof LOCALISED_TEXT>;
