// In which language a customer is spoken to: the one asked for, else the customer's own, else the rulebook's.
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { askFor, connect, decided, editableRules, event, journalledOf, lookAt, until } from "./harness.ts";

let redis: TestRedis;
let client: ReturnType<typeof connect>;
let running: RunningLoop;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  const { dir, edit } = await editableRules();
  await edit("rulebook.yaml", (text) => `${text}defaultLocale: de\n`);
  await edit("features.yaml", (text) =>
    text.replace("features:\n", "  - { name: locale, type: string, label: Language }\nfeatures:\n"),
  );
  await edit("actions/growth.yaml", (text) =>
    text
      .replaceAll("title: Save with A,", "title: { en: Save, de: Sparen },")
      .replace('["{{features.purchases_24h}} purchases today"]', "[{ text: { en: You buy, de: Sie kaufen } }]"),
  );
  running = await startLoop(redis.url, { rulesDir: dir });
});
afterAll(async () => {
  await running.stop();
  client.disconnect();
  await redis.stop();
});

const speaks = async (customer: string, locale: string): Promise<void> => {
  await running.loop.engine.append([event(`speaks-${customer}`, "profile_update", customer, { locale })]);
  await until(
    async () =>
      (await running.loop.engine.look(askFor(customer).key)) !== undefined &&
      (await lookAt(running, customer)).attributes["locale"] === locale,
  );
};
const spoken = async (customer: string, locale?: string): Promise<unknown> => {
  const record = decided(await running.loop.engine.ask(askFor(customer, locale === undefined ? {} : { locale })));
  const item = record.slates[0]?.items[0];
  return [record.input.request.locale, item?.content["title"], item?.reasons[0]];
};
const pushed = async (customer: string): Promise<unknown> => {
  await running.loop.engine.append([event(`buys-${customer}`, "purchase", customer, { amount: 500 })]);
  await until(async () => (await journalledOf(client, customer)).some(({ trigger }) => trigger !== undefined));
  const record = (await journalledOf(client, customer)).find(({ trigger }) => trigger !== undefined);
  return [record?.input.request.locale, record?.slates[0]?.items[0]?.content["title"]];
};

it("CNT-1 an ask without a locale speaks the rulebook's to a customer without one", async () => {
  expect(await spoken("gerda")).toEqual(["de", "Sparen", "Sie kaufen"]);
});

it("CNT-1 an ask without a locale speaks the customer's own", async () => {
  await speaks("emma", "en-GB");
  expect(await spoken("emma")).toEqual(["en-GB", "Save", "You buy"]);
});

it("CNT-1 an ask with a locale speaks that, or the rulebook's where there is no such text", async () => {
  await speaks("erin", "en");
  expect(await spoken("erin", "de-AT")).toEqual(["de-AT", "Sparen", "Sie kaufen"]);
  await speaks("fay", "en");
  expect(await spoken("fay", "fr")).toEqual(["fr", "Sparen", "Sie kaufen"]);
});

it("CNT-1 a trigger speaks the customer's own locale, else the rulebook's", async () => {
  expect(await pushed("hans")).toEqual(["de", "Sparen"]);
  await speaks("eve", "en");
  expect(await pushed("eve")).toEqual(["en", "Save"]);
});
