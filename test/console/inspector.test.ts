// The inspector in a real browser, on a real engine and a real Redis.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Redis } from "ioredis";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CHROMIUM, findProgram, missingLine } from "../../engine/cli/programs.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";

// The rules of the demo read both models: without them there is nothing to show. In CI that is a failure, not a skip.
const isTrained = existsSync(`${repositoryRoot}/models/churn/model.yaml`) || process.env["CI"] === "true";
const ARGS = (
  "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync " +
  "--no-first-run --disable-quic"
).split(" ");
const WAIT = { timeout: 15_000 };
/** Where pictures of the pages are left to look at, if anywhere. */
const PICTURES = process.env["CONSOLE_PICTURES"];

describe.skipIf(!isTrained)("the customer inspector (skipped where models/ is not trained)", () => {
  let server: TestRedis;
  let redis: Redis;
  let engine: EngineProcess;
  let browser: Browser;
  let page: Page;
  let faults: string[];
  let count = 0;

  const send = async (stream: string, customer: string, type: string, props: object = {}) => {
    const event = { id: `t-${count++}`, type, customer, ts: Date.now(), props };
    await redis.xadd(stream, "*", "d", JSON.stringify(event));
  };
  const post = async (path: string, body: object) => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${engine.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    return (await answer.json()) as { decisionId: string; slates: { items: { trackingCode: string }[] }[] };
  };
  const look = async (customer: string) => {
    const answer = await fetch(`${engine.url}/v1/customers/${customer}`);
    return (await answer.json()) as { features?: Record<string, number>; contacts?: object[] };
  };
  const ask = (customer: string) =>
    post("/v1/decisions", { customer, channel: "app", placements: [{ name: "app-home" }], deadlineMs: 2_000 });
  /** Somebody with a past: attributes, purchases, a declined payment, two decisions and an answer. */
  const somebody = async (customer: string) => {
    const attributes = {
      first_name: "Ana",
      segment: "mass",
      age: 41,
      tenure_months: 30,
      has_app: true,
      arrears: false,
    };
    await send("clickstream", customer, "profile_update", {
      ...attributes,
      balance: 2_400,
      products: ["giro", "debit-card"],
    });
    for (const amount of [12.5, 80, 41]) await send("transactions", customer, "purchase", { amount, currency: "EUR" });
    await send("transactions", customer, "card_declined", { amount: 20, currency: "EUR" });
    for (;;) {
      if ((await look(customer)).features?.["declines_24h"] === 1) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const first = await ask(customer);
    const trackingCode = first.slates[0]?.items[0]?.trackingCode;
    if (trackingCode !== undefined) {
      await post("/v1/outcomes", { trackingCode, outcome: "presented" });
      await post("/v1/outcomes", { trackingCode, outcome: "declined" });
    }
    const second = await ask(customer);
    return { first, second };
  };
  const inspect = async (customer: string) => {
    await page.goto(`${engine.url}/inspector?customer=${customer}`);
    await page.locator(".badge.good", { hasText: "Reproduced bit for bit" }).waitFor(WAIT);
  };
  const picture = async (name: string) => {
    if (PICTURES === undefined) return;
    await page.evaluate("scrollTo(0, 0)");
    await page.screenshot({ path: `${PICTURES}/${name}.png` });
    await page.screenshot({ path: `${PICTURES}/${name}-whole.png`, fullPage: true });
  };

  beforeAll(async () => {
    server = await startTestRedis();
    redis = new Redis(server.socket);
    engine = await startEngineProcess({ REDIS_URL: server.url, PARTITIONS: "8" });
    const executablePath = findProgram(CHROMIUM.binaries, process.env["PATH"] ?? "");
    if (executablePath === undefined) throw new Error(missingLine(CHROMIUM));
    browser = await chromium.launch({ executablePath, args: ARGS });
  });
  afterAll(async () => {
    await browser?.close();
    await engine?.stop();
    redis?.disconnect();
    await server?.stop();
  });
  beforeEach(async () => {
    faults = [];
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  });
  afterEach(async () => {
    await page.close();
  });

  test("shows what is known, what happened, and the funnel of a decision with rules and values", async () => {
    const { first, second } = await somebody("see-1");
    await inspect("see-1");
    expect(page.url()).toContain(`decision=${second.decisionId}`);
    await page.locator(".profile h2", { hasText: "Ana" }).waitFor(WAIT);
    expect(await page.locator(".profile .features").first().innerText()).toMatch(/Spend\w*.*\n?.*134|134/);
    expect(await page.locator(".profile").innerText()).toMatch(/\d of \d/);
    await page.locator(".moment", { hasText: "Purchase" }).first().waitFor(WAIT);
    expect(await page.locator(".moment", { hasText: /^Declined: / }).count()).toBe(1);
    const suitability = page.locator("details.stage", { hasText: "Eligibility" });
    await suitability.locator("summary").click();
    expect(await suitability.locator("code").first().innerText()).toMatch(/attributes|features/);
    expect(await suitability.locator(".values dd").count()).toBeGreaterThan(0);
    const decisions = page.locator("button.moment", { has: page.locator(".dot.decision") });
    await decisions.last().click();
    await page.waitForURL(`**decision=${first.decisionId}*`);
    await page.locator(".decision .around", { hasText: first.decisionId }).waitFor(WAIT);
    await page.locator(".factors tbody tr").first().waitFor(WAIT);
    expect(faults).toEqual([]);
  });

  test("works out what would be, says what is otherwise, and stores nothing", async () => {
    await somebody("if-1");
    await inspect("if-1");
    const before = await look("if-1");
    const decided = async () => Promise.all(Array.from({ length: 8 }, (_, p) => redis.hlen(`nba:{${p}}:decisions`)));
    const count = await decided();
    await page.getByLabel("Placement").selectOption("app-home");
    await page.getByLabel("Consent on this channel").selectOption("denied");
    await page.getByRole("button", { name: "What would be decided?" }).click();
    const outcome = page.locator(".what-if .outcome");
    await outcome.getByText("Nothing was stored").waitFor(WAIT);
    await page.getByRole("button", { name: "Suppose an attribute" }).click();
    await page.locator(".attribute select").selectOption("arrears");
    await page.locator(".attribute input").fill("true");
    await page.getByLabel("Consent on this channel").selectOption("");
    await page.getByLabel("Never contacted before").check();
    await page.getByRole("button", { name: "What would be decided?" }).click();
    await outcome.locator(".changes tbody tr").first().waitFor(WAIT);
    await picture("inspector-what-if");
    expect(await decided()).toEqual(count);
    expect((await look("if-1")).contacts).toEqual(before.contacts);
    // Both before the page is drawn anew.
    await page.locator(".attribute").evaluate((row) => {
      const [select, input] = [row.querySelector("select"), row.querySelector("input")];
      if (select === null || input === null) throw new Error("an attribute has no name or no value");
      select.value = "age";
      select.dispatchEvent(new Event("change", { bubbles: true }));
      input.value = "old";
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
    await page.getByRole("button", { name: "What would be decided?" }).click();
    await page.locator(".what-if .problem", { hasText: "/overrides/attributes/age" }).waitFor(WAIT);
  });

  test("is reached from the desk and the feed, and says of whom nothing is known", async () => {
    await page.goto(engine.url);
    await page.getByText("Live", { exact: true }).waitFor(WAIT);
    const { decisionId } = await ask("link-1");
    await page.getByRole("link", { name: "Inspect the decision for link-1" }).first().click();
    await page.waitForURL(`**/inspector?customer=link-1&decision=${decisionId}`);
    await page.locator(".badge.good").waitFor(WAIT);
    await page.goto(`${engine.url}/inspector?customer=nobody-at-all`);
    await page.getByText("No customer has the id “nobody-at-all”").waitFor(WAIT);
    await page.goto(`${engine.url}/inspector`);
    await page.getByLabel("Inspect a customer by id").fill("link-1");
    await page.keyboard.press("Enter");
    await page.locator(".badge.good").waitFor(WAIT);
  });

  test.each([
    ["light", 1280],
    ["dark", 1280],
    ["light", 390],
    ["dark", 390],
  ] as const)(
    "axe finds nothing against WCAG 2.2 AA, and nothing sticks out (%s, %i px)",
    async (colorScheme, width) => {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await somebody(`axe-${colorScheme}-${width}`);
      await inspect(`axe-${colorScheme}-${width}`);
      for (const stage of await page.locator("details.stage summary").all()) await stage.click();
      await page.getByRole("button", { name: "Suppose an attribute" }).click();
      await page.getByRole("button", { name: "What would be decided?" }).click();
      await page.locator(".what-if .outcome").waitFor(WAIT);
      await picture(`inspector-${colorScheme}-${width}`);
      const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
      await page.evaluate(readFileSync(axe, "utf8"));
      const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
      const found = await page.evaluate(
        `axe.run(document, { runOnly: ${JSON.stringify(tags)} }).then((result) => result.violations.map(({ id, nodes }) => id + ": " + nodes.map((node) => node.html).join(" ")))`,
      );
      expect(found).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    },
  );
});
