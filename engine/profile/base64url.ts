// Ids of 16 bytes as 22 characters of base64url (RFC 4648 section 5, without padding).
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CODES = new Int8Array(128).fill(-1);
for (let index = 0; index < ALPHABET.length; index++) CODES[ALPHABET.charCodeAt(index)] = index;

export const ID_BYTES = 16;
const ID_CHARACTERS = 22;

export function idOfBytes(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (let index = 0; index < ID_BYTES; index++) {
    held = (held << 8) | (bytes[index] as number);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += ALPHABET[(held >>> bits) & 63];
    }
    held &= 63;
  }
  return text + ALPHABET[(held << (6 - bits)) & 63];
}

/** Writes the 16 bytes of an id; false where the text is not the one canonical form of 16 bytes. */
export function bytesOfId(id: string, out: Uint8Array): boolean {
  if (id.length !== ID_CHARACTERS) return false;
  let held = 0;
  let bits = 0;
  let at = 0;
  for (let index = 0; index < ID_CHARACTERS; index++) {
    const code = CODES[id.charCodeAt(index)] ?? -1;
    if (code < 0) return false;
    held = (held << 6) | code;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (held >>> bits) & 255;
      held &= (1 << bits) - 1;
    }
  }
  return held === 0;
}
