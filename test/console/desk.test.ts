// The console in a real browser, on a real engine and a real Redis; events come from the second Redis client.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Redis } from "ioredis";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CHROMIUM, findProgram, missingLine } from "../../engine/cli/programs.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { freePort, startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";

// The rules of the demo read both models: without them there is nothing to show. In CI that is a failure, not a skip.
const isTrained = existsSync(`${repositoryRoot}/models/churn/model.yaml`) || process.env["CI"] === "true";
const ARGS = (
  "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync " +
  "--no-first-run --disable-quic"
).split(" ");
const WAIT = { timeout: 15_000 };

describe.skipIf(!isTrained)("the agent desk (skipped where models/ is not trained)", () => {
  let server: TestRedis;
  let redis: Redis;
  let engine: EngineProcess;
  let port: number;
  let browser: Browser;
  let page: Page;
  let faults: string[];
  let count = 0;

  const start = () => startEngineProcess({ REDIS_URL: server.url, PORT: String(port), PARTITIONS: "8" });
  const send = async (stream: string, customer: string, type: string, props: object = {}) => {
    const event = { id: `t-${count++}`, type, customer, ts: Date.now(), props };
    await redis.xadd(stream, "*", "d", JSON.stringify(event));
  };
  const attributes = { first_name: "Ana", segment: "mass", age: 41, tenure_months: 30, has_app: true, arrears: false };
  const decline = (customer: string) =>
    send("transactions", customer, "card_declined", { amount: 20, currency: "EUR" });
  /** A customer with one declined payment, folded: whoever asks now finds it. */
  const declined = async (customer: string) => {
    await send("clickstream", customer, "profile_update", attributes);
    await decline(customer);
    const declines = async () => {
      const answer = await fetch(`${engine.url}/v1/customers/${customer}`);
      const { features } = (await answer.json()) as { features?: { declines_24h?: number } };
      return features?.declines_24h ?? `${answer.status} without the feature`;
    };
    await expect.poll(declines, { ...WAIT, interval: 10 }).toBe(1);
  };
  const open = async (customer: string) => {
    await page.keyboard.press("/");
    await page.keyboard.type(customer);
    await page.keyboard.press("Enter");
    // Else a key would still be meant for the customer who was open before.
    await page.locator(".identity p", { hasText: customer }).waitFor(WAIT);
  };
  const card = () => page.locator("article", { hasText: "Sort out the declined card" });
  const contactsOf = async (customer: string) => {
    const answer = await fetch(`${engine.url}/v1/customers/${customer}`);
    const body = (await answer.json()) as { contacts: { outcome: string; channel: string; until?: number }[] };
    return body.contacts.filter(({ channel }) => channel === "contact-centre");
  };

  beforeAll(async () => {
    server = await startTestRedis();
    redis = new Redis(server.socket);
    port = await freePort();
    engine = await start();
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
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.setDefaultTimeout(WAIT.timeout); // a click on what never comes is then told as such, before the test itself is over
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    await page.goto(engine.url);
    await page.getByText("Live", { exact: true }).waitFor(WAIT);
  });
  afterEach(async () => {
    await page.close();
  });

  test("a call rings with the name, opens the customer, and an accepted action is recorded and leaves", async () => {
    await declined("ring-1");
    await send("clickstream", "ring-1", "call_started", { reason: "card" });
    await page.getByText("Incoming call · ring-1").waitFor(WAIT);
    await page.locator(".caller strong", { hasText: "Ana" }).waitFor(WAIT);
    await page.getByRole("button", { name: "Answer" }).click();
    await card().waitFor(WAIT);
    expect(await card().innerText()).toContain("One declined card payment in the last 24 hours");
    await page.locator(".meter", { hasText: "Risk of leaving" }).waitFor(WAIT);
    // The call had its decision already: what is kept from it is one card, not two.
    const titles = await page.locator(".titles h3").allInnerTexts();
    expect(new Set(titles).size).toBe(titles.length);
    await page.keyboard.press("a");
    await page.locator(".withdrawn", { hasText: "accepted by you" }).waitFor(WAIT);
    expect((await contactsOf("ring-1")).map(({ outcome }) => outcome)).toContain("accepted");
    await page.locator(".history td", { hasText: "Accepted" }).waitFor(WAIT);
    expect(faults).toEqual([]);
  });

  test("what the customer does while on the line arrives live, is announced, and takes no focus", async () => {
    await send("clickstream", "push-1", "profile_update", { ...attributes, tenure_months: 3 });
    await open("push-1");
    await page.locator(".identity h2", { hasText: "Ana" }).waitFor(WAIT);
    await page.locator("#search").focus();
    await decline("push-1");
    await decline("push-1");
    await card().waitFor(WAIT);
    await page
      .locator("#announcer", { hasText: "New action: Sort out the declined card" })
      .waitFor({ state: "attached" });
    expect(await page.evaluate("document.activeElement.id")).toBe("search");
    expect(await card().locator(".tag", { hasText: "New" }).count()).toBe(1);
    expect(faults).toEqual([]);
  });

  test("declined asks why, later asks until when, and both reach the contact history", async () => {
    await declined("answer-1");
    await declined("answer-2");
    await open("answer-1");
    await card().waitFor(WAIT);
    await page.keyboard.press("d");
    await page.getByRole("button", { name: "Too expensive" }).click();
    await page.locator(".withdrawn", { hasText: "declined by you" }).waitFor(WAIT);
    await open("answer-2");
    await card().waitFor(WAIT);
    await page.keyboard.press("l");
    await page.getByRole("button", { name: "Tomorrow" }).click();
    await page.locator(".withdrawn", { hasText: "later by you" }).waitFor(WAIT);
    expect((await contactsOf("answer-1"))[0]).toMatchObject({ outcome: "declined" });
    const [later] = await contactsOf("answer-2");
    expect(later?.outcome).toBe("later");
    expect((later?.until ?? 0) - Date.now()).toBeGreaterThan(23 * 3_600_000);
  });

  test("what was held back is shown with its rule and the values, and the letters can be switched off", async () => {
    await declined("why-1");
    await open("why-1");
    await card().waitFor(WAIT);
    await page.getByRole("button", { name: "What was held back?" }).click();
    const loan = page.locator(".fallen li", { hasText: "Personal loan" });
    await loan.waitFor(WAIT);
    expect(await loan.innerText()).toMatch(/features\.\w+ /);
    await page.keyboard.press("Escape");
    await page.locator(".feed").waitFor(WAIT);
    await page.getByRole("button", { name: "Shortcuts on" }).click();
    await page.keyboard.press("a");
    await page.waitForTimeout(300);
    expect(new Set((await contactsOf("why-1")).map(({ outcome }) => outcome))).toEqual(new Set(["presented"]));
  });

  test("nothing to offer is said, and so is an id that nobody has", async () => {
    await send("clickstream", "plain-1", "profile_update", { ...attributes, tenure_months: 3 });
    await send("transactions", "plain-1", "salary_received", { amount: 100 });
    for (let visit = 0; visit < 3; visit++)
      await send("transactions", "plain-1", "purchase", { amount: 5, currency: "EUR" });
    await page.waitForTimeout(500); // nothing is to come of it, so there is nothing to wait for
    await open("plain-1");
    await page.getByText("Nothing to offer now").first().waitFor(WAIT);
    await open("nobody-at-all");
    await page.locator(".next .empty").waitFor(WAIT);
    expect(await page.locator(".nba").count()).toBe(0);
  });

  test("text from outside is text: markup in a name is shown, not run", async () => {
    const first_name = `<img src=x onerror="document.title='run'">`;
    await send("clickstream", "xss-1", "profile_update", { ...attributes, first_name });
    await open("xss-1");
    await page.locator(".identity h2", { hasText: "<img src=x" }).waitFor(WAIT);
    expect(await page.locator(".identity img").count()).toBe(0);
    expect(await page.title()).not.toBe("run");
  });

  test.each(["light", "dark"] as const)("axe finds nothing against WCAG 2.2 AA (%s)", async (colorScheme) => {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await declined(`axe-${colorScheme}`);
    await open(`axe-${colorScheme}`);
    await card().waitFor(WAIT);
    await page.keyboard.press("d");
    await page.getByRole("button", { name: "Not interested" }).waitFor(WAIT);
    const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
    await page.evaluate(readFileSync(axe, "utf8"));
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
    const found = await page.evaluate(
      `axe.run(document, { runOnly: ${JSON.stringify(tags)} }).then((result) => result.violations.map(({ id, nodes }) => id + ": " + nodes.map((node) => node.html).join(" ")))`,
    );
    expect(found).toEqual([]);
  });

  test("an engine that was killed comes back to the same screen, with what happened meanwhile", async () => {
    await send("clickstream", "gone-1", "profile_update", { ...attributes, tenure_months: 3 });
    await open("gone-1");
    await page.locator(".identity h2", { hasText: "Ana" }).waitFor(WAIT);
    await engine.kill();
    await page.getByText("Not connected").waitFor(WAIT);
    await decline("gone-1");
    await decline("gone-1");
    engine = await start();
    await page.getByText("Live", { exact: true }).waitFor(WAIT);
    await card().waitFor(WAIT);
    expect(await page.locator(".identity h2").innerText()).toBe("Ana");
  });
});
