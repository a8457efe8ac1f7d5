// Bounds of what comes in, as the outside contract states them. Lengths of texts are in UTF-16 units.
import { DAY_MS } from "../domain/time.ts";

/** Bytes of one payload, JSON or MessagePack. */
export const PAYLOAD_BYTES_MAX = 16 * 1024;
export const ID_LENGTH_MAX = 128;
export const TYPE_LENGTH_MAX = 64;
export const CUSTOMER_LENGTH_MAX = 256;
/** `anon:` + anonymousId is a key, which has CUSTOMER_LENGTH_MAX. */
export const ANONYMOUS_LENGTH_MAX = CUSTOMER_LENGTH_MAX - "anon:".length;
export const SOURCE_LENGTH_MAX = 64;
export const SESSION_LENGTH_MAX = 128;
export const CHANNEL_LENGTH_MAX = 64;
export const PROPS_MAX = 64;
export const PROP_NAME_LENGTH_MAX = 64;
export const TEXT_LENGTH_MAX = 1_024;
export const SET_MAX = 64;
/** An event from further in the future than this is refused: its producer's clock is wrong. */
export const AHEAD_MS_MAX = DAY_MS;
/** No window reaches further back. */
export const BEHIND_MS_MAX = 90 * DAY_MS;
/** Of maps and arrays in MessagePack: an event has two levels, and ignored fields may nest a little. */
export const DEPTH_MAX = 16;
/** Keys of one map in MessagePack. */
export const MAP_KEYS_MAX = 256;
