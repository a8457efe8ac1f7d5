// The console of an engine that asks who calls, in a real browser: sign in, wrong token, end of the token; CSP breaks nothing.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, findProgram, missingLine } from "../../engine/cli/programs.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { SECRET, token } from "../deliver/auth/tokens.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";

const isTrained = existsSync(`${repositoryRoot}/models/churn/model.yaml`) || process.env["CI"] === "true";
const ARGS = (
  "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync " +
  "--no-first-run --disable-quic"
).split(" ");
const WAIT = { timeout: 15_000 };

describe.skipIf(!isTrained)("signing in (skipped where models/ is not trained)", () => {
  let redis: TestRedis;
  let engine: EngineProcess;
  let browser: Browser;
  let page: Page;
  const faults: string[] = [];

  beforeAll(async () => {
    const chrome = findProgram(CHROMIUM.binaries, process.env["PATH"] ?? "");
    if (chrome === undefined) throw new Error(missingLine(CHROMIUM));
    redis = await startTestRedis();
    engine = await startEngineProcess({ REDIS_URL: redis.url, PARTITIONS: "4", AUTH: "jwt", JWT_SECRET: SECRET });
    browser = await chromium.launch({ executablePath: chrome, args: ARGS });
    page = await browser.newPage();
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => {
      // What the page asks for without a token is refused, and the browser says so of each call.
      if (message.type() === "error" && !message.text().includes("401")) faults.push(message.text());
    });
  });
  afterAll(async () => {
    await browser?.close();
    await engine?.stop();
    await redis?.stop();
  });

  const signIn = async (shown: string): Promise<void> => {
    await page.getByLabel("Token").fill(shown);
    await Promise.all([page.waitForEvent("load", WAIT), page.getByRole("button", { name: "Sign in" }).click()]);
  };

  test("asks for a token, says that a wrong one is not valid, and takes a good one", async () => {
    await page.goto(engine.url);
    await page.getByText("This engine asks who you are.").waitFor(WAIT);
    await signIn("wrong");
    await page.getByText("Your token is not valid, or has expired.").waitFor(WAIT);
    await signIn(await token({ sub: "ada", scope: "admin" }));
    await page.getByText("Live", { exact: true }).waitFor(WAIT);
    await page.getByRole("button", { name: "Sign out" }).waitFor(WAIT);
    expect(await page.locator("#sign-in").count()).toBe(0);
  });

  test("keeps the token in this tab only, and shows it to no page elsewhere", async () => {
    const kept = await page.evaluate("[sessionStorage.length, Object.keys(localStorage), document.cookie]");
    expect(kept).toEqual([1, expect.not.arrayContaining(["nba.token"]), ""]);
    const other = await (await browser.newContext()).newPage();
    await other.goto(`${engine.url}/inspector`);
    await other.getByText("This engine asks who you are.").waitFor(WAIT);
    await other.context().close();
  });

  test("the inspector takes the same token", async () => {
    await page.goto(`${engine.url}/inspector?customer=nobody`);
    await page.getByText("No customer has the id “nobody”").waitFor(WAIT);
    expect(await page.locator("#sign-in").count()).toBe(0);
  });

  test("the form can be used by everybody", async () => {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("This engine asks who you are.").waitFor(WAIT);
    await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
    const violations = await page.evaluate(
      'axe.run("#sign-in").then((result) => result.violations.map(({ id, nodes }) => id + ": " + nodes.map((node) => node.html).join(" ")))',
    );
    expect(violations).toEqual([]);
  });

  test("an agent works at the desk without the feed, until the token ends", async () => {
    await page.goto(engine.url);
    await signIn(await token({ sub: "mia", scope: "agent", topics: ["customer/*"], exp: 4 }));
    await page.getByText("Live", { exact: true }).waitFor(WAIT);
    await page.getByText("Your token is not valid, or has expired.").waitFor(WAIT);
  });

  test("no script, style or connection was refused by the page's policy", () => {
    expect(faults.filter((fault) => /content security policy|refused to/i.test(fault))).toEqual([]);
  });
});
