import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { MAPPINGS, type Mapping } from "../../engine/cli/mappings.ts";
import { readRecorded } from "../../engine/cli/replay-file.ts";
import { linesOf, rowsOf, splitCells, type TextRow } from "../../engine/cli/replay-rows.ts";
import { decodeEvent } from "../../engine/ingest/decode-event.ts";
import { isRefused } from "../../engine/ingest/refused.ts";
import { CDNOW, COMPLETE_JOURNEY, GROCERY, ONLINE_RETAIL, skipShared, TAOBAO, YOOCHOOSE } from "./shared-data.ts";

function mappingOf(name: string): Mapping {
  const mapping = MAPPINGS.find((one) => one.name === name);
  if (mapping === undefined) throw new Error(`no mapping ${name}`);
  return mapping;
}

function fileOf(name: string, text: string | Uint8Array): string {
  const path = join(mkdtempSync(join(tmpdir(), "nba-replay-")), name);
  writeFileSync(path, text);
  return path;
}

/** Counts taken with zcat, awk and wc, not with the code under test. */
const FILES: readonly [
  string,
  string,
  { rows: number; events: number; joined: number; refused: object; customers: number; first: string; last: string },
][] = [
  [
    "cdnow",
    CDNOW,
    {
      rows: 6919,
      events: 6919,
      joined: 0,
      refused: {},
      customers: 2357,
      first: "1997-01-01T00:00:00.000Z",
      last: "1998-06-30T00:00:00.000Z",
    },
  ],
  [
    "grocery",
    GROCERY,
    {
      rows: 10483,
      events: 10483,
      joined: 0,
      refused: {},
      customers: 1525,
      first: "2006-01-01T00:00:00.000Z",
      last: "2007-12-30T00:00:00.000Z",
    },
  ],
  [
    "taobao",
    TAOBAO,
    {
      rows: 84476,
      events: 84475,
      joined: 0,
      refused: { "not 5 cells": 1 },
      customers: 815,
      first: "2017-09-11T08:16:39.000Z",
      last: "2017-12-03T15:59:23.000Z",
    },
  ],
  [
    "online-retail",
    ONLINE_RETAIL,
    {
      rows: 170807,
      events: 7080,
      joined: 112024,
      refused: { "no customer": 51692, "unit price is not above 0": 11 },
      customers: 2474,
      first: "2010-12-01T08:26:00.000Z",
      last: "2011-04-27T17:03:00.000Z",
    },
  ],
  [
    "yoochoose",
    YOOCHOOSE,
    {
      rows: 70278,
      events: 70278,
      joined: 0,
      refused: {},
      customers: 17794,
      first: "2014-04-01T01:02:21.719Z",
      last: "2014-04-07T00:43:12.560Z",
    },
  ],
  [
    "completejourney",
    COMPLETE_JOURNEY,
    {
      rows: 75000,
      events: 47243,
      joined: 27757,
      refused: {},
      customers: 2377,
      first: "2017-01-01T12:30:27.000Z",
      last: "2018-01-01T03:47:38.000Z",
    },
  ],
];

describe("mappings of recorded files", () => {
  it.skipIf(skipShared).each(FILES)("reads every row of %s", async (name, path, expected) => {
    const file = await readRecorded(path, mappingOf(name));
    const refused = Object.fromEntries([...file.refused].map(([why, { count }]) => [why, count]));
    const { events } = file;
    expect({
      rows: file.rows,
      events: events.length,
      joined: file.joined,
      refused,
      customers: new Set(events.map(({ body }) => body["customer"] ?? body["anonymousId"])).size,
      first: new Date(events[0]?.body.ts ?? 0).toISOString(),
      last: new Date(events.at(-1)?.body.ts ?? 0).toISOString(),
    }).toEqual(expected);
    expect(new Set(events.map(({ body }) => body["id"])).size).toBe(events.length);
    expect(events.length + file.joined + Object.values(refused).reduce((sum, count) => sum + count, 0)).toBe(file.rows);
    // What a mapping makes is what the engine takes.
    expect(events.filter(({ body, stream }) => isRefused(decodeEvent(body, stream)))).toEqual([]);
    const unsorted = events.filter(({ body }, index) => body.ts < (events[index - 1]?.body.ts ?? 0));
    expect(unsorted).toEqual([]);
  });

  it.skipIf(skipShared)("tells the types of taobao apart", async () => {
    const { events } = await readRecorded(TAOBAO, mappingOf("taobao"));
    const counts = new Map<string, number>();
    for (const { body, stream } of events) {
      const name = `${stream} ${body.type}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    expect(Object.fromEntries(counts)).toEqual({
      "clickstream page_view": 75872,
      "clickstream add_to_cart": 4497,
      "clickstream add_to_favourites": 2356,
      "transactions purchase": 1750,
    });
  });

  it("sums the lines of an invoice, keeps a cancellation apart, and counts what is dirty", async () => {
    const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";
    const rows = [
      '536381,82567,"AIRLINE LOUNGE,METAL SIGN",2,12/1/10 9:41,2.1,15311,United Kingdom',
      '536477,22041,"RECORD FRAME 7"" SINGLE",48,12/1/10 12:27,2.1,16210,United Kingdom',
      "536381,1,X,1,12/1/10 9:40,0.85,15311,United Kingdom",
      "C536381,1,X,-1,12/2/10 9:40,0.85,15311,United Kingdom",
      "536400,1,X,5,12/1/10 9:40,0.85,,United Kingdom",
      "536401,1,X,-5,12/1/10 9:40,0.85,15311,United Kingdom",
      "536402,1,X,5,12/1/10 9:40,0,15311,United Kingdom",
      "536403,1,X,5,13/1/10 9:40,1,15311,United Kingdom",
      "536404,1,X,5",
      '536405,1,"open,5,12/1/10 9:40,1,15311,United Kingdom',
    ];
    const path = fileOf("retail.csv", `${header}\r\n${rows.join("\r\n")}\r\n`);
    const file = await readRecorded(path, mappingOf("online-retail"));
    expect(file.events.map(({ line, body }) => ({ line, ...body, id: 0 }))).toEqual([
      {
        line: 2,
        id: 0,
        type: "purchase",
        customer: "online-retail-15311",
        ts: Date.UTC(2010, 11, 1, 9, 40),
        props: { amount: 5.05, items: 3, country: "United Kingdom" },
      },
      {
        line: 3,
        id: 0,
        type: "purchase",
        customer: "online-retail-16210",
        ts: Date.UTC(2010, 11, 1, 12, 27),
        props: { amount: 100.8, items: 48, country: "United Kingdom" },
      },
      {
        line: 5,
        id: 0,
        type: "refund",
        customer: "online-retail-15311",
        ts: Date.UTC(2010, 11, 2, 9, 40),
        props: { amount: 0.85, items: 1, country: "United Kingdom" },
      },
    ]);
    expect({ rows: file.rows, joined: file.joined, refused: Object.fromEntries(file.refused) }).toEqual({
      rows: 10,
      joined: 1,
      refused: {
        "no customer": { count: 1, firstLine: 6 },
        "quantity is not above 0": { count: 1, firstLine: 7 },
        "unit price is not above 0": { count: 1, firstLine: 8 },
        "date is not M/D/YY H:MM": { count: 1, firstLine: 9 },
        "not 8 cells": { count: 1, firstLine: 10 },
        "a quote is never closed": { count: 1, firstLine: 11 },
      },
    });
  });

  it.each([
    ["cdnow", ["00004", "0001", "19970231", "2", "29.33"], "date is not YYYYMMDD"],
    ["cdnow", ["00004", "0001", "19970201", "2", "abc"], "usd or cds is not a number of at least 0"],
    ["taobao", ["1", "2", "3", "view", "1511544070"], "behaviour is none of pv, cart, fav, buy"],
    ["taobao", ["1", "2", "3", "constructor", "1511544070"], "behaviour is none of pv, cart, fav, buy"],
    ["taobao", ["1", "2", "3", "pv", "-1511544070"], "time is not in seconds since 1970"],
    ["grocery", ["1", "2006-1-1"], "date is not YYYY-MM-DD"],
    ["yoochoose", ["1", "2", "x"], "time is not in seconds since 1970"],
    ["yoochoose", ["1", "2", "220200101200101"], "time is not in seconds since 1970"],
    ["completejourney", ["1", "2", "3", "4", "1", "1e5", "", "", "", "", "2017-01-01T12:30:27Z"], undefined],
    [
      "completejourney",
      ["1", "2", "3", "4", "1", "1", "", "", "", "", "2017-01-01"],
      "time is not YYYY-MM-DDTHH:MM:SSZ",
    ],
  ])("%s reads the row %j as %s", (name, cells, why) => {
    const row = mappingOf(name).row(cells);
    expect(row.kind === "refused" ? row.why : undefined).toBe(why);
  });

  it("refuses a file with another header, naming the columns", async () => {
    const path = fileOf("grocery.csv", "customer,day\n1,2006-01-01\n");
    await expect(readRecorded(path, mappingOf("grocery"))).rejects.toThrow(
      'line 1 is "customer day"; mapping "grocery" expects the columns cust, date',
    );
  });

  it("gives the same ids under another name and packed, and other ids for another content", async () => {
    const text = "cust,date\n1,2006-01-02\n2,2006-01-01\n";
    const idsOf = async (path: string): Promise<unknown[]> =>
      (await readRecorded(path, mappingOf("grocery"))).events.map(({ body }) => body["id"]);
    const ids = await idsOf(fileOf("a.csv", text));
    expect(ids).toEqual([expect.stringMatching(/^grocery-[0-9a-f]{8}-3$/), expect.stringMatching(/-2$/)]);
    expect(await idsOf(fileOf("b.csv.gz", gzipSync(text)))).toEqual(ids);
    expect(await idsOf(fileOf("a.csv", `${text}3,2006-01-01\n`))).not.toContain(ids[0]);
  });

  it("takes NDJSON as it is, routed by type, and counts lines that are no event", async () => {
    const lines = [
      '{"id":"b","type":"purchase","customer":"c","ts":2000,"props":{"amount":1},"extra":{"kept":true}}',
      "",
      "not json",
      "[1]",
      '{"type":"x","ts":"soon"}',
      '{"type":5,"ts":1}',
      '{"id":"a","type":"page_view","customer":"c","ts":1000}',
      '{"id":"o","type":"outcome","customer":"c","ts":1000}',
    ];
    const file = await readRecorded(fileOf("events.ndjson", lines.join("\n")), undefined);
    expect(file.events.map(({ stream, line, body }) => [stream, line, body["id"]])).toEqual([
      ["clickstream", 7, "a"],
      ["outcomes", 8, "o"],
      ["transactions", 1, "b"],
    ]);
    expect(file.events[2]?.body).toEqual(JSON.parse(lines[0] as string));
    expect([...file.refused.keys()]).toEqual(["no JSON", "no JSON object", "ts is no number", "type is no string"]);
    expect(file.rows).toBe(7);
  });

  it("rejects a file that is not there, and a .gz that is none", async () => {
    await expect(readRecorded("/nowhere/x.csv", mappingOf("grocery"))).rejects.toThrow(/ENOENT/);
    await expect(readRecorded(fileOf("x.csv.gz", "plain"), mappingOf("grocery"))).rejects.toThrow(/header/);
  });

  it("splits quoted cells as RFC 4180 has it", () => {
    expect(splitCells('a,"b,""c""",,"d"', ",")).toEqual(["a", 'b,"c"', "", "d"]);
    expect(splitCells('"a\nb",c', ",")).toEqual(["a\nb", "c"]);
    expect(splitCells('"a', ",")).toBeUndefined();
    expect(splitCells("a,", ",")).toEqual(["a", ""]);
  });

  it("reads lines whatever the chunks: characters and line ends cut in two, no end at the end", async () => {
    const whole = Buffer.from('ä,b\r\n\nü€,"x\r\ny"\r\nlast');
    for (let size = 1; size <= whole.length; size++) {
      const chunks = async function* (): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
      };
      const rows: TextRow[] = [];
      for await (const row of rowsOf(
        linesOf(chunks(), () => undefined),
        ",",
      ))
        rows.push(row);
      expect(rows).toEqual([
        { line: 1, cells: ["ä", "b"] },
        { line: 3, cells: ["ü€", "x\ny"] },
        { line: 5, cells: ["last"] },
      ]);
    }
  });
});
