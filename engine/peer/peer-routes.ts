// What other engines of the same Redis may ask of this one. It answers for what it owns, and never asks a third.

import type { Answer } from "../deliver/answer.ts";
import { ANYONE } from "../deliver/auth/caller.ts";
import type { LetIn } from "../deliver/auth/guard.ts";
import { problemAnswer, retryLater } from "../deliver/problem.ts";
import type { Incoming, Route } from "../deliver/route.ts";
import type { PartitionIndex } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { Engine } from "../engine.ts";
import type { Log } from "../observe/log.ts";
import { isTrouble } from "../partition/trouble.ts";
import { answerTo, PEER_TYPE, peerPath } from "./peer-client.ts";
import type { PeerSecret } from "./peer-secret.ts";
import { PEER_CHECKS, type PeerCall, type PeerCalls, packPeer, type Told, unpackPeer } from "./peer-wire.ts";
import { isPass, openSealed, seal } from "./seal.ts";

export interface PeerRoutesOptions {
  /** The engine of this process itself, not the one that asks others. */
  readonly engine: Engine;
  readonly secret: PeerSecret;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly skewMs: number;
  /** Of a request. */
  readonly bytesMax: number;
  readonly log: Pick<Log, "error">;
}

type Answers = {
  readonly [Name in PeerCall]: {
    readonly partitions: (sent: PeerCalls[Name]["sent"], engine: Engine) => readonly PartitionIndex[];
    readonly answer: (sent: PeerCalls[Name]["sent"], engine: Engine) => Promise<PeerCalls[Name]["told"]>;
  };
};

const one = ({ key }: { readonly key: Parameters<typeof partitionOf>[0] }, { partitions }: Engine) => [
  partitionOf(key, partitions),
];

const ANSWERS: Answers = {
  ask: { partitions: one, answer: (ask, engine) => engine.ask(ask) },
  look: { partitions: one, answer: ({ key }, engine) => engine.look(key) },
  simulate: { partitions: one, answer: (simulation, engine) => engine.simulate(simulation) },
  now: {
    partitions: ({ keys }, engine) => keys.map((key) => partitionOf(key, engine.partitions)),
    answer: ({ keys }, engine) => engine.now(keys),
  },
  append: {
    partitions: ({ events }, engine) => events.map(({ key }) => partitionOf(key, engine.partitions)),
    answer: ({ events }, engine) => engine.append(events),
  },
};

/** They are no part of the API: nobody but an engine can seal a request. */
export function peerRoutes(options: PeerRoutesOptions): readonly Route[] {
  return (Object.keys(ANSWERS) as PeerCall[]).map((name) => ({
    method: "POST",
    path: peerPath(name),
    operation: `peer-${name}`,
    access: "peers" as const,
    summary: "What one engine asks another",
    bodyMax: options.bytesMax,
    consumes: [PEER_TYPE],
    answers: {},
    judge: (authorization) => judge(options, authorization),
    problems: ["not-a-peer", "too-large", "unsupported-media-type", "unavailable"],
    answer: (incoming) => answerPeer(options, name, incoming),
  }));
}

const STRANGER: LetIn = {
  kind: "refused",
  answer: problemAnswer("not-a-peer", "the request was not taken: it has no pass of an engine"),
};

/** Before its body is read, and at once where the secret is known: nobody else takes a place of engines. Never rejects. */
function judge({ secret, clock, skewMs }: PeerRoutesOptions, authorization: string): LetIn | Promise<LetIn> {
  const verdict = (key: Buffer): LetIn =>
    isPass(key, authorization, clock(), skewMs) ? { kind: "let-in", caller: ANYONE } : STRANGER;
  const known = secret.known();
  if (known !== undefined) return verdict(known);
  return secret.agreed().then(verdict, (error: unknown): LetIn => {
    const why = error instanceof Error ? error.message : String(error);
    return { kind: "refused", answer: retryLater("unavailable", why, 1_000) };
  });
}

async function answerPeer(options: PeerRoutesOptions, name: PeerCall, { body }: Incoming): Promise<Answer> {
  const { clock, skewMs } = options;
  const secret = await options.secret.agreed();
  const opened = openSealed(secret, `POST ${peerPath(name)}`, body, clock(), skewMs);
  if (opened.kind === "refused") return problemAnswer("not-a-peer", `the request was not taken: ${opened.why}`);
  const told = await tell(options, name, opened.payload);
  const sealed = seal(secret, answerTo(body), packPeer(told), clock());
  return { status: 200, headers: { "content-type": PEER_TYPE }, body: sealed };
}

async function tell<Name extends PeerCall>(
  { engine, log }: PeerRoutesOptions,
  name: Name,
  payload: Uint8Array,
): Promise<Told<unknown>> {
  const unpacked = unpackOrNone(payload);
  if (unpacked === undefined) return { kind: "failed", why: "not a request that this version takes: no MessagePack" };
  try {
    const checked = PEER_CHECKS[name](unpacked);
    if (checked.kind === "invalid") {
      const [first] = checked.errors;
      return { kind: "failed", why: `not a request that this version takes: ${first?.pointer} ${first?.detail}` };
    }
    const sent = checked.value as unknown as PeerCalls[Name]["sent"];
    const { partitions, answer } = ANSWERS[name];
    const foreign = partitions(sent, engine).find((partition) => engine.ownership(partition).kind !== "here");
    if (foreign !== undefined) return { kind: "unavailable", why: `it does not own partition ${foreign}` };
    return { kind: "told", value: await answer(sent, engine) };
  } catch (error) {
    return troubleOf(error, name, log);
  }
}

/** The reason of the library quotes what it read, so it is told to nobody. */
function unpackOrNone(payload: Uint8Array): unknown {
  try {
    return unpackPeer(payload);
  } catch {
    return undefined;
  }
}

function troubleOf(error: unknown, name: PeerCall, log: PeerRoutesOptions["log"]): Told<never> {
  const { name: kind, message } = error instanceof Error ? error : new Error(String(error));
  if (kind === "Overloaded") return { kind: "overloaded", why: message };
  if (kind === "Unavailable" || isTrouble(error)) return { kind: "unavailable", why: message };
  const why = (error instanceof Error ? error.stack : undefined) ?? message;
  log.error("an answer to another engine failed", { call: name, why });
  return { kind: "failed", why: "an unexpected error; its log says more" };
}
