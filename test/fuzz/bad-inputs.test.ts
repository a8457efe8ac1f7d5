// What fuzzing has found: each input that was once a fault, by name.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EngineAtBay, startAtBay } from "./engine-at-bay.ts";
import { sendRaw, statusesOf } from "./http-lane.ts";

let bay: EngineAtBay;
beforeAll(async () => {
  bay = await startAtBay();
});
afterAll(async () => await bay?.stop());

const ask = (request: string): Promise<string> =>
  sendRaw(bay.port, Buffer.from(`${request} HTTP/1.1\r\nhost: 127.0.0.1:${bay.port}\r\n\r\n`));

describe("bad inputs over HTTP", () => {
  test.each([
    ["HEAD of a path that takes no GET", "HEAD /v1/tickets", 405],
    ["HEAD of no path", "HEAD /nowhere", 404],
    ["HEAD of a path that is not percent-encoded", "HEAD /v1/customers/%zz", 400],
  ])("%s is answered, and the engine lives", async (_, request, status) => {
    expect(statusesOf(await ask(request))).toEqual([status]);
    await bay.expectWell();
  });
});
