// What engines ask each other, through simulated time instead of HTTP: a message may be lost on either way.
import { Unavailable } from "../../engine/partition/trouble.ts";
import type { PeerClient } from "../../engine/peer/peer-client.ts";
import { type PeerCall, type PeerCalls, packPeer, unpackPeer } from "../../engine/peer/peer-wire.ts";
import type { EngineUnderTest } from "./engine-under-test.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

export interface SimulatedPeers {
  readonly call: (asking: SimulatedProcess, ...call: Parameters<PeerClient["call"]>) => Promise<never>;
}

export function createSimulatedPeers(
  world: World,
  delayMs: () => number,
  isLost: () => boolean,
  find: (address: string) => EngineUnderTest | undefined,
): SimulatedPeers {
  const carry = (to: SimulatedProcess, act: () => void): void => {
    if (!isLost()) world.after(delayMs(), () => to.enter(act));
  };
  return {
    call: (asking, address, name, sent, timeoutMs) =>
      new Promise((resolve, reject) => {
        world.after(timeoutMs, () => asking.enter(() => reject(new Unavailable(`no answer within ${timeoutMs} ms`))));
        const asked = find(address);
        if (asked === undefined) {
          world.after(delayMs(), () => asking.enter(() => reject(new Unavailable("nothing listens there"))));
          return;
        }
        const copy = unpackPeer(packPeer(sent)) as typeof sent;
        carry(asked.process, () => {
          answer(asked, name, copy).then(
            (told) => carry(asking, () => resolve(told as never)),
            (error: Error) => carry(asking, () => reject(error)),
          );
        });
      }),
  };
}

/** By the engine that was asked, which asks no other. */
async function answer<Name extends PeerCall>(
  { loop }: EngineUnderTest,
  name: Name,
  sent: PeerCalls[Name]["sent"],
): Promise<unknown> {
  switch (name) {
    case "ask":
      return await loop.engine.ask(sent as PeerCalls["ask"]["sent"]);
    case "look":
      return await loop.engine.look((sent as PeerCalls["look"]["sent"]).key);
    case "simulate":
      return await loop.engine.simulate(sent as PeerCalls["simulate"]["sent"]);
    case "now":
      return await loop.engine.now((sent as PeerCalls["now"]["sent"]).keys);
    case "append":
      return await loop.engine.append((sent as PeerCalls["append"]["sent"]).events);
    default:
      throw new Error(`the simulation knows no call ${name} between engines`);
  }
}
