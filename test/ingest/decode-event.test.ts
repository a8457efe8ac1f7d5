import { describe, expect, test } from "vitest";
import { decodeEvent, decodeEventBytes, readKey } from "../../engine/ingest/decode-event.ts";
import { pack } from "../../engine/ingest/messagepack.ts";
import { isRefused } from "../../engine/ingest/refused.ts";

const good = { id: "e-1", type: "page_view", customer: "c-17", ts: 1_763_800_000_000, props: { section: "loans" } };
const code = "AAECAwQFBgcICQoLDA0ODw.1";
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const text = (raw: string): Uint8Array => new TextEncoder().encode(raw);
const many = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, index]));
const outcome = (props: object): object => ({ ...good, type: "outcome", props });

describe("what is taken", () => {
  const event = { id: "e-1", type: "page_view", key: "c-17", ts: 1_763_800_000_000, source: "clickstream" };
  const taken: [string, unknown, object][] = [
    ["the event of the contract", good, { ...event, props: { section: "loans" } }],
    ["no props", { ...good, props: undefined }, { ...event, props: {} }],
    ["an anonymous one", { ...good, customer: undefined, anonymousId: "d-9" }, { key: "anon:d-9" }],
    ["both ids: the customer's key", { ...good, anonymousId: "d-9" }, { key: "c-17" }],
    [
      "unknown type and unknown fields",
      { ...good, type: "moon_landing", extra: { deep: [{}] } },
      { type: "moon_landing" },
    ],
    [
      "optional fields",
      { ...good, session: "s", channel: "app", traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` },
      { session: "s", channel: "app" },
    ],
    [
      "every kind of prop",
      { ...good, props: { s: "", n: -1.5, b: false, set: ["a", "b"] } },
      { props: { s: "", n: -1.5, b: false, set: ["a", "b"] } },
    ],
    [
      "the longest of everything",
      {
        ...good,
        id: "i".repeat(128),
        type: "t".repeat(64),
        customer: "c".repeat(256),
        props: { ["k".repeat(64)]: "v".repeat(1_024) },
      },
      { key: "c".repeat(256) },
    ],
    ["64 props", { ...good, props: many(64) }, { props: many(64) }],
    ["a set of 64", { ...good, props: { set: Array.from({ length: 64 }, String) } }, {}],
    [
      "an outcome",
      outcome({ trackingCode: code, outcome: "later", until: 1_763_900_000_000, note: "x" }),
      { type: "outcome" },
    ],
    ["other languages", { ...good, customer: "Ольга 👩‍💻", props: { имя: "größe" } }, { key: "Ольга 👩‍💻" }],
  ];
  for (const [what, value, expected] of taken) {
    test(`${what}, as JSON and as MessagePack`, () => {
      expect(decodeEventBytes(json(value), "clickstream")).toMatchObject(expected);
      expect(decodeEventBytes(pack(JSON.parse(JSON.stringify(value))), "clickstream")).toMatchObject(expected);
    });
  }

  test("CloudEvents 1.0: subject is the customer, source and id together the id", () => {
    const cloud = {
      specversion: "1.0",
      id: "7",
      source: "/shop",
      type: "purchase",
      subject: "c-17",
      time: "2025-11-22T08:26:40.000Z",
      datacontenttype: "application/json; charset=utf-8",
      data: { amount: 9.5 },
    };
    expect(decodeEventBytes(json(cloud), "transactions")).toEqual({
      id: "/shop#7",
      type: "purchase",
      key: "c-17",
      ts: 1_763_800_000_000,
      source: "transactions",
      props: { amount: 9.5 },
    });
    const refused: [object, string][] = [
      [{ ...cloud, specversion: "0.3" }, "/specversion"],
      [{ ...cloud, time: undefined }, "/time"],
      [{ ...cloud, time: "yesterday" }, "/time"],
      [{ ...cloud, time: "Sat, 22 Nov 2025 08:26:40 GMT" }, "/time"],
      [{ ...cloud, subject: undefined }, "/subject"],
      [{ ...cloud, data: { a: {} } }, "/data/a"],
      [{ ...cloud, type: "outcome", data: {} }, "/data/trackingCode"],
      [{ ...cloud, data_base64: "AA==" }, "/data_base64"],
      [{ ...cloud, source: "s".repeat(120), id: "i".repeat(20) }, "/id"],
      [{ ...cloud, datacontenttype: "text/xml" }, "/datacontenttype"],
    ];
    for (const [value, pointer] of refused)
      expect(decodeEventBytes(json(value), "x"), pointer).toMatchObject({ pointer });
  });
});

describe("what is refused, where and in which words", () => {
  const refused: [string, Uint8Array, string, string, RegExp][] = [
    ["nothing", new Uint8Array(0), "not-parseable", "", /is empty/],
    ["broken JSON", text('{"id":"e-1",'), "not-parseable", "", /^is not valid JSON/],
    ["a JSON array", text("[1]"), "not-parseable", "", /neither a JSON object .* nor a MessagePack map/],
    ["a byte order mark", text('\ufeff{"id":1}'), "not-parseable", "", /neither/],
    ["bytes that are no UTF-8", Buffer.from('{"id":"\xff"}', "latin1"), "not-parseable", "", /UTF-8/],
    ["over 16 KiB", json({ ...good, extra: "x".repeat(16_384) }), "too-large", "", /16384/],
    ["no id", json({ ...good, id: undefined }), "invalid", "/id", /is missing/],
    ["an empty id", json({ ...good, id: "" }), "invalid", "/id", /must not be empty/],
    ["a long id", json({ ...good, id: "i".repeat(129) }), "invalid", "/id", /at most 128 characters, is "i{39}…"/],
    ["an id that is a number", json({ ...good, id: 17 }), "invalid", "/id", /must be a string, is 17/],
    ["a long type", json({ ...good, type: "t".repeat(65) }), "invalid", "/type", /at most 64/],
    [
      "no customer",
      json({ ...good, customer: undefined }),
      "invalid",
      "/customer",
      /customer or anonymousId is required/,
    ],
    ["a customer that is null", json({ ...good, customer: null }), "invalid", "/customer", /must be a string$/],
    [
      "a customer that looks like a key",
      json({ ...good, customer: "anon:1" }),
      "invalid",
      "/customer",
      /must not begin with "anon:"/,
    ],
    [
      "an anonymousId that looks like a key",
      json({ ...good, anonymousId: "anon:1" }),
      "invalid",
      "/anonymousId",
      /must not begin/,
    ],
    [
      "a long customer",
      json({ ...good, customer: "c".repeat(257) }),
      "invalid",
      "/customer",
      /at most 256 characters$/,
    ],
    [
      "a customer longer than 256 UTF-16 units",
      json({ ...good, customer: "👩".repeat(129) }),
      "invalid",
      "/customer",
      /256 UTF-16/,
    ],
    [
      "half a surrogate pair",
      text('{"id":"e","type":"t","ts":0,"customer":"\\ud800"}'),
      "invalid",
      "/customer",
      /surrogate/,
    ],
    ["ts as text", json({ ...good, ts: "2025" }), "invalid", "/ts", /must be a whole number, is "2025"/],
    ["ts with a fraction", json({ ...good, ts: 1.5 }), "invalid", "/ts", /must be a whole number, is 1.5/],
    ["ts below 0", json({ ...good, ts: -1 }), "invalid", "/ts", /must be >= 0, is -1/],
    [
      "a number that is infinite",
      text('{"id":"e","type":"t","customer":"c","ts":0,"props":{"a":1e400}}'),
      "invalid",
      "/props/a",
      /a finite number/,
    ],
    ["an object in props", json({ ...good, props: { a: { b: 1 } } }), "invalid", "/props/a", /is an object$/],
    [
      "an object under a name with a line break",
      json({ ...good, props: { "a\nb": {} } }),
      "invalid",
      "/props/a\nb",
      /is an object$/,
    ],
    ["null in props", json({ ...good, props: { a: null } }), "invalid", "/props/a", /is null$/],
    ["numbers in a set", json({ ...good, props: { a: [1] } }), "invalid", "/props/a", /array of at most 64/],
    [
      "a set of 65",
      json({ ...good, props: { a: Array.from({ length: 65 }, String) } }),
      "invalid",
      "/props/a",
      /at most 64/,
    ],
    ["65 props", json({ ...good, props: many(65) }), "invalid", "/props", /at most 64 names/],
    [
      "a long text",
      json({ ...good, props: { a: "x".repeat(1_025) } }),
      "invalid",
      "/props/a",
      /at most 1024 characters.*, is "x{39}…"$/,
    ],
    [
      "a long name",
      json({ ...good, props: { ["k".repeat(65)]: 1 } }),
      "invalid",
      `/props/${"k".repeat(39)}…`,
      /no name for a property/,
    ],
    ["an empty name", json({ ...good, props: { "": 1 } }), "invalid", "/props/", /no name for a property/],
    ["props as an array", json({ ...good, props: [] }), "invalid", "/props", /must be an object, is an array/],
    [
      "__proto__ in props",
      text('{"id":"e","type":"t","customer":"c","ts":0,"props":{"__proto__":{"x":1}}}'),
      "invalid",
      "/props/__proto__",
      /no name/,
    ],
    [
      "constructor in props",
      json({ ...good, props: { constructor: "x" } }),
      "invalid",
      "/props/constructor",
      /no name/,
    ],
    [
      "__proto__ above props",
      text('{"__proto__":{"customer":"c"},"id":"e","type":"t","ts":0,"customer":"c"}'),
      "invalid",
      "/__proto__",
      /no name/,
    ],
    [
      "a customer by way of __proto__",
      text('{"__proto__":{"customer":"c"},"id":"e","type":"t","ts":0}'),
      "invalid",
      "/customer",
      /is missing/,
    ],
    ["an outcome without code", json(outcome({ outcome: "accepted" })), "invalid", "/props/trackingCode", /is missing/],
    [
      "an outcome with another code",
      json(outcome({ trackingCode: "x", outcome: "accepted" })),
      "invalid",
      "/props/trackingCode",
      /tracking code/,
    ],
    [
      "a pending outcome",
      json(outcome({ trackingCode: code, outcome: "pending" })),
      "invalid",
      "/props/outcome",
      /must be one of presented, .*retracted, is "pending"/,
    ],
    [
      "an outcome whose value is text",
      json(outcome({ trackingCode: code, outcome: "accepted", value: "9" })),
      "invalid",
      "/props/value",
      /finite number/,
    ],
    [
      "a consent without granted",
      json({ ...good, type: "consent_update", props: { channel: "*", purpose: "marketing" } }),
      "invalid",
      "/props/granted",
      /is missing/,
    ],
  ];
  for (const [what, bytes, reason, pointer, words] of refused) {
    test(what, () => {
      const decoded = decodeEventBytes(bytes, "clickstream");
      expect(decoded).toMatchObject({ refused: reason, pointer });
      if (isRefused(decoded)) expect(decoded.detail).toMatch(words);
    });
  }

  test("the customer's id is never quoted, and nothing beyond 40 characters", () => {
    const secrets = [
      { ...good, customer: "anon:secret" },
      { ...good, customer: 12_345 },
      { ...good, ts: "s".repeat(500) },
    ];
    for (const value of secrets) {
      const decoded = decodeEvent(value, "http");
      expect(JSON.stringify(decoded)).not.toMatch(/secret|12345|s{41}/);
      expect(isRefused(decoded)).toBe(true);
    }
    expect(JSON.stringify(decodeEventBytes(text('{"customer":"secret" oh'), "http"))).not.toContain("secret");
  });

  test("values that are no objects at all", () => {
    for (const value of [null, undefined, 1, "x", [], [good], true])
      expect(isRefused(decodeEvent(value, "http") as object)).toBe(true);
  });
});

describe("MessagePack is read strictly", () => {
  const bytes = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(" ", ""), "hex");
  const refused: [string, string, RegExp][] = [
    ["a key twice", "82 a161 01 a161 02", /a key twice/],
    ["a key twice in other lengths", "82 a161 01 d90161 02", /a key twice/],
    ["__proto__", "81 a95f5f70726f746f5f5f 80", /__proto__/],
    ["a key that is a number", "81 01 01", /not text/],
    ["NaN", "81 a161 cb7ff8000000000000", /not finite/],
    ["infinity", "81 a161 ca7f800000", /not finite/],
    ["2^53 + 1", "81 a161 cf0020000000000001", /beyond 2\^53/],
    ["-2^53 - 1", "81 a161 d3ffdfffffffffffff", /beyond 2\^53/],
    ["a date", "81 a161 d6ff00000000", /extension/],
    ["a record definition of msgpackr", "81 a161 d47240 91 a162 01", /extension/],
    ["binary", "81 a161 c40100", /binary/],
    ["a byte that is never used", "81 a161 c1", /0xc1/],
    ["more bytes behind", "80 80", /more bytes/],
    ["too few bytes", "81 a161", /end too early/],
    ["a map without its count", "de 00", /end too early/],
    ["an array of four billion", "81 a161 ddffffffff", /longer than the bytes/],
    ["a map of four billion", "dfffffffff", /more than 256 keys/],
    ["a text of four billion", "81 a161 dbffffffff", /longer than the bytes/],
    ["a text without its length", "81 a161 da00", /end too early/],
    ["a text that is no UTF-8", "81 a161 a2c328", /not UTF-8/],
    ["a nesting bomb", `81a161${"91".repeat(16_000)}01`, /nested deeper/],
    ["a nesting bomb of maps", `${"81a161".repeat(5_000)}01`, /nested deeper/],
  ];
  for (const [what, hex, words] of refused) {
    test(what, () => {
      const decoded = decodeEventBytes(bytes(hex), "clickstream");
      expect(decoded).toMatchObject({ refused: "not-parseable", detail: expect.stringMatching(words) });
    });
  }

  test("2^53 itself is a number", () => {
    const value = Buffer.concat([Buffer.from("81a161", "hex"), Buffer.from("cf0020000000000000", "hex")]);
    expect(decodeEventBytes(value, "x")).toMatchObject({ refused: "invalid" });
  });
});

describe("whose it is", () => {
  test("is read even where the rest is wrong", () => {
    expect(readKey({ customer: "c-17", ts: "wrong" })).toBe("c-17");
    expect(readKey({ anonymousId: "d" })).toBe("anon:d");
    expect(readKey({ customer: "c-17", anonymousId: "d" })).toBe("c-17");
    expect(readKey({ specversion: "1.0", subject: "c-9" })).toBe("c-9");
    expect(readKey(JSON.parse('{"customer":"c-17","__proto__":1}'))).toBe("c-17");
  });

  test("is not guessed", () => {
    for (const value of [
      {},
      { customer: "" },
      { customer: 1 },
      { customer: "anon:1" },
      { anonymousId: null },
      { customer: "\ud800" },
    ]) {
      expect(readKey(value)).toBeUndefined();
    }
  });
});
