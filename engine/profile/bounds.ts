// What one profile may hold. Every list of the cold state has an end, so that a record has one too.
import { DAY_MS, HOUR_MS, SECOND_MS } from "../domain/time.ts";

/** Contacts kept per customer; the largest contact limit of a rulebook (100) lies below it. */
export const CONTACTS_MAX = 128;
export const OPEN_CASES_MAX = 16;
/** Cases remembered as closed, so that a late `case_opened` does not open them again. */
export const CLOSED_CASES_MAX = 16;
export const TASKS_MAX = 32;
/** Anonymous keys remembered as joined. One that is forgotten is still sealed at its own end. */
export const ABSORBED_MAX = 64;
/** Messages that wait until a join is through: a moment's worth of events. */
export const AWAITING_MAX = 32;
export const CONSENTS_MAX = 64;
/** UTF-16 units of one string of an attribute, and of the texts of cases, tasks and consents. */
export const TEXT_LENGTH_MAX = 256;
export const SET_STRINGS_MAX = 64;

/** The longest time for which a contact can matter to a policy: what a rulebook may ask for at most. */
export const CONTACT_MEMORY_MAX_MS = 90 * DAY_MS;

/** Events that one pattern remembers of a customer; a `count` of more needs as many as it counts. */
export const PATTERN_MARKS_MAX = 16;
/** What was complete longer ago than this when its event arrives triggers nothing: its moment is over. */
export const TRIGGER_FRESH_MS = HOUR_MS;
/** Campaigns that have had their turn with one customer. */
export const CAMPAIGNS_KEPT_MAX = 64;

/** Producers' clocks may run ahead by this much: ingest refuses more. */
export const AHEAD_MAX_MS = DAY_MS;

/** Panes narrower than this would need more than 16 bits to count and more than 32 to number. */
export const PANE_MIN_MS = 10 * SECOND_MS;
export const PANES_PER_WINDOW_MAX = 1_000;

/** One record, in cells of 8 bytes: 8 MiB. */
export const RECORD_CELLS_MAX = 1 << 20;
