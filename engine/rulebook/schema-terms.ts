// What the schemas of all files share: names, times, numbers, texts. A description is what a fault says would be right.
import { type TSchema, Type } from "typebox";

export const CLOSED = { additionalProperties: false };
export const DURATION = Type.String({
  pattern: "^\\d{1,9}(ms|s|m|h|d|w)$",
  description: "a duration such as 10m, 24h or 30d",
});
/** Read in expressions: no `-`, which would be a minus. */
export const NAME = Type.String({
  pattern: "^[a-z][a-z0-9_]{0,63}$",
  description: "a name of lower case letters, digits and _ such as spend_30d",
});
export const ID = Type.String({
  pattern: "^[a-z0-9][a-z0-9-]{0,63}$",
  description: "an id of lower case letters, digits and - such as save-offer",
});
export const MOMENT = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2})?Z)?$",
  description: "a day such as 2026-01-31, or a moment such as 2026-01-31T09:00Z",
});
export const LOCALE = Type.String({
  pattern: "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
  description: "a locale such as en or de-AT",
});
export const TIME_ZONE = Type.String({
  minLength: 1,
  maxLength: 64,
  description: "a time zone such as Europe/Vienna",
});
export const LABEL = Type.String({ minLength: 1, maxLength: 120, description: "a text of 1 to 120 characters" });
export const EVENT_TYPE = Type.String({ minLength: 1, maxLength: 64, description: "an event type such as page_view" });
export const TEXT = Type.String({ minLength: 1, maxLength: 2_000, description: "a text of 1 to 2,000 characters" });
export const CEL = Type.String({ minLength: 1, description: "a CEL expression" });
export const LEVER = Type.Number({ minimum: 0, maximum: 1_000 });

export const many = <Item extends TSchema>(item: Item, maxItems: number) => Type.Array(item, { maxItems });
export const some = <Item extends TSchema>(item: Item, maxItems: number) => Type.Array(item, { minItems: 1, maxItems });

export const EVENT_TYPES = some(EVENT_TYPE, 32);

const NAMED = Type.Optional(some(ID, 256));
/** Actions by their own name, their group's or their issue's. */
export const ACTION_SET = { actions: NAMED, groups: NAMED, issues: NAMED };
