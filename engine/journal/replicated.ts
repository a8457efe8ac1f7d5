// DURABILITY=wait:N: what a connection says was written is with N replicas. A write whose replicas did not answer in time is in
// doubt, as one whose reply was lost: it is rejected with RedisTrouble, and whoever sent it finds out later what holds.
import { shapeOf } from "./command-table.ts";
import { type RedisConnection, RedisTrouble } from "./redis.ts";

/** `replicas`: at least one. `waitMs` below the silence after which the connection is given up: the next command waits behind. */
export function replicated(connection: RedisConnection, replicas: number, waitMs: number): RedisConnection {
  let next: Promise<void> | undefined;

  async function wait(): Promise<void> {
    await undefined; // everything that was answered in one go is waited for by one WAIT
    next = undefined;
    const count = Number(await connection.command(["WAIT", String(replicas), String(waitMs)]));
    if (count < replicas) throw new RedisTrouble(`${count} of ${replicas} replicas have taken it within ${waitMs} ms`);
  }

  async function durable<T>(reply: T): Promise<T> {
    next ??= wait();
    await next;
    return reply;
  }

  return {
    ...connection,
    command: async (args) => {
      const reply = await connection.command(args);
      return args[0] !== "ASKING" && shapeOf(args).kind === "write" ? await durable(reply) : reply;
    },
    script: async (script, keys, args) => await durable(await connection.script(script, keys, args)),
  };
}
