// Connections that are in doubt together: where one of them fell silent, what was sent over the others to the same server would only
// wait for as long again.
import { type RedisConnection, RedisTrouble } from "./redis.ts";

export interface ConnectionGroup<Arguments extends readonly unknown[]> {
  /** As the attempt that it was made of; rejects with RedisTrouble, too, where the group is closed before it has come to its end. */
  readonly connect: (...args: Arguments) => Promise<RedisConnection>;
  /** Closes all that are open, and gives up the attempts under way. New ones may be opened at once. */
  readonly closeAll: () => void;
}

export function createConnectionGroup<Arguments extends readonly unknown[]>(
  connect: (...args: Arguments) => Promise<RedisConnection>,
): ConnectionGroup<Arguments> {
  const open = new Set<RedisConnection>();
  const attempts = new Set<(error: RedisTrouble) => void>();
  return {
    connect: (...args) =>
      new Promise((resolve, reject) => {
        attempts.add(reject);
        connect(...args).then(
          (connection) => {
            // Given up meanwhile: nobody waits for it any more.
            if (!attempts.delete(reject)) return connection.close();
            open.add(connection);
            connection.onClosed(() => {
              if (connection.isClosed()) open.delete(connection);
            });
            resolve(connection);
          },
          (error: Error) => {
            attempts.delete(reject);
            reject(error);
          },
        );
      }),
    closeAll: () => {
      for (const giveUp of attempts) giveUp(new RedisTrouble("the connection was given up before it was open"));
      attempts.clear();
      for (const connection of [...open]) connection.close();
    },
  };
}
