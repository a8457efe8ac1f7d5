// A test of rules, parsed: what happens, when, and what is expected. Both notations (table and steps) come to this.
import type { Stage } from "../domain/drop.ts";
import type { Props } from "../domain/event.ts";
import type { Place } from "../rulebook/place.ts";
import type { RulebookFiles } from "../rulebook/rulebook.ts";
import type { LocalClock } from "./local-clock.ts";

export interface RuleTest {
  readonly name: string;
  readonly place: Place;
  readonly clock: LocalClock;
  /** Of the first step, as 2026-03-02. */
  readonly date: string;
  /** Folder of the rulebook, as written; undefined: the one that is tested. `none`: only what `rules` brings. */
  readonly base: string | undefined;
  /** Files that replace those of the base. */
  readonly rules: RulebookFiles;
  /** Where each of them is written. */
  readonly rulesPlace: Place;
  /** Outputs of models, by name, for everybody. */
  readonly models: Readonly<Record<string, number>>;
  readonly customers: Readonly<Record<string, GivenCustomer>>;
  /** Does a gateway take over at once what goes out? */
  readonly delivers: boolean;
  readonly steps: readonly Step[];
}

/** What is known of a customer before the first step. */
export interface GivenCustomer {
  readonly attributes?: Props;
  /** By channel (or `*`), by purpose. */
  readonly consents?: Readonly<Record<string, Readonly<Record<string, "granted" | "denied">>>>;
  /** Kind by id of the case. */
  readonly cases?: Readonly<Record<string, string>>;
  readonly models?: Readonly<Record<string, number>>;
}

export interface Step {
  readonly place: Place;
  readonly when: When;
  readonly customer: string | undefined;
  readonly deed: Deed;
  readonly expected: Expected | undefined;
}

/** `days` after the day of the step before, at a time of day; a date of its own; or so long after the step before. */
export type When =
  | { readonly kind: "at"; readonly date: string | undefined; readonly days: number; readonly time: string }
  | { readonly kind: "after"; readonly ms: number };

export type Deed =
  | { readonly kind: "wait" }
  /** `happened`: when, where that is not now: a time of the same day, or so long before. */
  | { readonly kind: "event"; readonly type: string; readonly props: Props; readonly happened: string | undefined }
  | {
      readonly kind: "ask";
      readonly placements: readonly { readonly name: string; readonly limit?: number }[];
      /** undefined: the only one that the placement has. */
      readonly channel: string | undefined;
      readonly locale: string | undefined;
      readonly context: Props;
    }
  /** Of the last contact with this action or treatment. */
  | {
      readonly kind: "outcome";
      readonly outcome: string;
      readonly of: string;
      readonly reason: string | undefined;
      /** A date, a time, or so long after. */
      readonly until: string | undefined;
    }
  | { readonly kind: "delivered"; readonly of: string }
  | { readonly kind: "models"; readonly models: Readonly<Record<string, number>> };

export interface Expected {
  readonly place: Place;
  /** As written. */
  readonly text: string;
  /** One for each decision, in order; undefined: decisions are not compared. Empty: there is none. */
  readonly decisions: readonly ExpectedDecision[] | undefined;
  readonly facts: readonly Fact[];
}

export type ExpectedDecision =
  | {
      readonly kind: "act";
      /** Items by action or treatment, in order. `placement` undefined: the only slate with items. */
      readonly slates: readonly { readonly placement: string | undefined; readonly items: readonly string[] }[];
    }
  | { readonly kind: "none"; readonly because: string | undefined }
  /** An ask that is refused, or an event that is dead-lettered. */
  | { readonly kind: "refused"; readonly because: string | undefined };

/** What else must hold. `text` is as written; `item` is an action or a treatment. */
export type Fact = { readonly text: string } & (
  | {
      readonly kind: "dropped";
      readonly item: string;
      readonly stage: Stage;
      /** Policy or rule. */
      readonly by: string | undefined;
      readonly because: string | undefined;
      /** As a local time, a date and time, or `never`. */
      readonly until: string | undefined;
      /** Lost to this item, or room is held for it. */
      readonly rival: string | undefined;
    }
  | { readonly kind: "not-offered"; readonly item: string }
  | { readonly kind: "kept"; readonly item: string }
  | { readonly kind: "withheld"; readonly item: string }
  | { readonly kind: "withdrawn"; readonly item: string; readonly because: string | undefined }
  /** State (`reserved` ...) or outcome (`no-response` ...) of the last contact. */
  | { readonly kind: "contact"; readonly item: string; readonly is: string }
  /** A factor of the priority, to as many decimals as are written. */
  | { readonly kind: "factor"; readonly item: string; readonly factor: string; readonly value: string }
  /** A text or reason of the item contains this. */
  | { readonly kind: "says"; readonly item: string; readonly words: string }
  | { readonly kind: "arm"; readonly experiment: string; readonly arm: string }
  | { readonly kind: "trigger"; readonly trigger: string }
  | { readonly kind: "held"; readonly until: string }
  | { readonly kind: "pressure"; readonly value: string }
  | { readonly kind: "spent"; readonly quota: string; readonly value: string }
);
