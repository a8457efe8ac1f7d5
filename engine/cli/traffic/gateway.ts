// A push or e-mail gateway of the demo: reads its channel's stream with a consumer group of its own, and says on the
// stream `outcomes` what became of each message.
import type { RedisConnection, Reply } from "../../journal/redis.ts";
import { text } from "../../journal/redis.ts";
import { field } from "./api.ts";
import { answerTo } from "./customers.ts";
import type { Later } from "./later.ts";
import type { Person } from "./population.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";

export interface GatewayDeps {
  readonly channel: "push" | "email";
  /** Of its own: its reads block. */
  readonly reader: RedisConnection;
  readonly person: (customer: string) => Person | undefined;
  readonly random: Random;
  readonly later: Later;
  readonly tally: Tally;
  readonly report: (customer: string, channel: string, trackingCode: string, outcome: string) => void;
  readonly isStopped: () => boolean;
}

const GROUP = "demo-gateway";
const CONSUMER = "demo";
const BATCH = "64";
/** Below the time after which a silent connection is closed. */
const BLOCK_MS = "1000";
const BOUNCED = 0.03;
const OPENED: Readonly<Record<GatewayDeps["channel"], number>> = { push: 0.75, email: 0.45 };

/** Reads until stopped or the connection is lost, which rejects. */
export async function runGateway(deps: GatewayDeps): Promise<void> {
  const stream = `nba:channel:${deps.channel}`;
  await createGroup(deps.reader, stream);
  while (!deps.isStopped()) {
    const reply = await deps.reader.command([
      "XREADGROUP",
      "GROUP",
      GROUP,
      CONSUMER,
      "COUNT",
      BATCH,
      "BLOCK",
      BLOCK_MS,
      "STREAMS",
      stream,
      ">",
    ]);
    const entries = entriesOf(reply);
    if (deps.isStopped()) return;
    if (entries.length === 0) continue;
    for (const entry of entries) deliver(deps, entry.message);
    await deps.reader.command(["XACK", stream, GROUP, ...entries.map(({ id }) => id)]);
  }
}

async function createGroup(reader: RedisConnection, stream: string): Promise<void> {
  try {
    await reader.command(["XGROUP", "CREATE", stream, GROUP, "$", "MKSTREAM"]);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("BUSYGROUP")) throw error;
  }
}

function deliver({ channel, person, random, later, tally, report }: GatewayDeps, message: unknown): void {
  const customer = field(message, "customer");
  const trackingCode = field(message, "trackingCode");
  const action = field(message, "action");
  if (typeof customer !== "string" || typeof trackingCode !== "string" || typeof action !== "string") return;
  tally.add("messages");
  const someone = person(customer);
  const tell = (outcome: string): void => {
    report(customer, channel, trackingCode, outcome);
    tally.outcome(action, outcome);
  };
  if (someone === undefined || random.chance(BOUNCED)) {
    tell("not-delivered");
    return;
  }
  if (!random.chance(OPENED[channel])) return;
  later.after(random.between(500, 6_000), () => {
    tell("presented");
    later.after(random.between(800, 5_000), () => {
      for (const outcome of answerTo(random, someone, action, channel)) tell(outcome);
    });
  });
}

/** [[stream, [[id, [field, value, ...]], ...]]] or null where nothing came. */
function entriesOf(reply: Reply): readonly { readonly id: string; readonly message: unknown }[] {
  if (!Array.isArray(reply)) return [];
  return reply.flatMap((stream: Reply) => {
    const entries = Array.isArray(stream) ? stream[1] : undefined;
    if (!Array.isArray(entries)) return [];
    return entries.flatMap((entry: Reply) => {
      if (!Array.isArray(entry) || !Array.isArray(entry[1])) return [];
      const fields: readonly Reply[] = entry[1];
      const at = fields.findIndex((name, index) => index % 2 === 0 && text(name) === "d");
      return at < 0 ? [] : [{ id: text(entry[0]), message: parse(text(fields[at + 1])) }];
    });
  });
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // not one of ours: acknowledged and passed over
  }
}
