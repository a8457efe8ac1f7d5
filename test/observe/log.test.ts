import { describe, expect, it } from "vitest";
import { createLog, type PublicFields } from "../../engine/observe/log.ts";

function logged(readable: boolean, level: "debug" | "info" = "debug") {
  const lines: string[] = [];
  const log = createLog({ level, readable, write: (line) => void lines.push(line) });
  return { log, lines };
}

describe("log", () => {
  it("writes one JSON object a line where nobody watches", () => {
    const { log, lines } = logged(false);
    log.warn("redis is away", { url: "redis://h:6379", tries: 3 });
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] as string)).toMatchObject({
      level: 40,
      msg: "redis is away",
      url: "redis://h:6379",
      tries: 3,
    });
  });

  it("writes a plain line for a person", () => {
    const { log, lines } = logged(true);
    log.info("listening", { url: "http://127.0.0.1:8080", note: "two words" });
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} info {2}listening {2}url=http:\/\/127\.0\.0\.1:8080 {2}note="two words"\n$/,
    );
  });

  it("names a customer at debug only, even where a cast let it through above", () => {
    const { log, lines } = logged(false);
    const smuggled = { customer: "c-17", key: "c-17", anonymousId: "a-1", partition: 9 } as unknown as PublicFields;
    log.debug("folded", { customer: "c-17" });
    log.info("folded", smuggled);
    log.warn("folded", smuggled);
    log.error("folded", smuggled);
    expect(lines[0]).toContain("c-17");
    for (const line of lines.slice(1)) {
      expect(line).not.toMatch(/c-17|a-1/);
      expect(JSON.parse(line)).toMatchObject({ partition: 9, msg: "folded" });
    }
  });

  it("keeps below its level", () => {
    const { log, lines } = logged(false, "info");
    log.debug("nothing");
    expect(lines).toEqual([]);
  });
});
