// A command of the CLI in this process, on a given Redis.
import type { Command } from "commander";
import { vi } from "vitest";

/** What it prints; rejects as the command does. */
export async function commanded(redisUrl: string, command: Command, ...args: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => lines.push(String(text)) > 0);
  const before = process.env["REDIS_URL"];
  process.env["REDIS_URL"] = redisUrl;
  try {
    await command.exitOverride().parseAsync(["node", "nba", ...args]);
  } finally {
    write.mockRestore();
    if (before === undefined) delete process.env["REDIS_URL"];
    else process.env["REDIS_URL"] = before;
  }
  return lines.join("");
}
