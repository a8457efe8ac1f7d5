// After a power cut the append-only file may end within a script. Redis loads no half of it, but (7.0.15, aof-load-truncated yes) may
// leave its first commands in the file: at the next start they would run together with the script that was written behind them.
import { type FileHandle, open, readFile } from "node:fs/promises";
import { join } from "node:path";

const BEGIN = Buffer.from("*1\r\n$5\r\nMULTI\r\n");
const END = Buffer.from("*1\r\n$4\r\nEXEC\r\n");
const WINDOW_BYTES = 4 * 2 ** 20;
const BREAK = Buffer.from("\r\n");

/**
 * Cuts off a script that is not whole, as `redis-check-aof --fix` would. `dir`: where a server that does not run keeps its files.
 * Returns how many bytes that were. What is faulty otherwise stays as it is: of that, Redis speaks itself.
 */
export async function cutHalfScript(dir: string): Promise<number> {
  const file = await lastIncrement(join(dir, "appendonlydir"));
  if (file === undefined) return 0;
  const handle = await open(file, "r+");
  try {
    const { size } = await handle.stat();
    if (!(await mayEndInScript(handle, size))) return 0;
    const begun = await beginOfOpenScript(handle, size);
    if (begun === undefined) return 0;
    await handle.truncate(begun);
    await handle.sync();
    return size - begun;
  } finally {
    await handle.close();
  }
}

/** The file that the server wrote to last; undefined where there is none, as before Redis 7. */
async function lastIncrement(folder: string): Promise<string | undefined> {
  try {
    const manifest = await readFile(join(folder, "appendonly.aof.manifest"), "utf8");
    const name = [...manifest.matchAll(/^file (\S+) seq \d+ type i/gm)].at(-1)?.[1];
    return name === undefined ? undefined : join(folder, name);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** A look from the end: a file of gigabytes that is whole need not be read. What somebody sent may look like a begin, too. */
async function mayEndInScript(handle: FileHandle, size: number): Promise<boolean> {
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - WINDOW_BYTES);
    // What lies across the border of two windows is found in the one before.
    const bytes = await readAt(handle, start, Math.min(size, end + BEGIN.length) - start);
    const [begun, ended] = [bytes.lastIndexOf(BEGIN), bytes.lastIndexOf(END)];
    if (begun >= 0 || ended >= 0) return begun > ended;
    end = start;
  }
  return false;
}

/** Where the script begins that the file ends in. */
async function beginOfOpenScript(handle: FileHandle, size: number): Promise<number | undefined> {
  let begun: number | undefined;
  let start = 0;
  let bytes: Buffer = Buffer.alloc(0);
  for (let at = 0; at < size; ) {
    const found = commandAt(bytes, at - start);
    if (found === "bad") return undefined;
    if (found !== "cut") {
      if (found.name === "MULTI") begun = at;
      if (found.name === "EXEC") begun = undefined;
      at = start + found.end;
    } else if (start + bytes.length === size) {
      return begun;
    } else {
      // A command that does not fit in gets twice the room.
      const room = at === start ? Math.max(WINDOW_BYTES, bytes.length * 2) : WINDOW_BYTES;
      start = at;
      bytes = await readAt(handle, start, Math.min(room, size - start));
    }
  }
  return begun;
}

type Found = { readonly end: number; readonly name: string } | "cut" | "bad";

function commandAt(bytes: Buffer, from: number): Found {
  const line = lineAt(bytes, from);
  if (line === undefined) return "cut";
  if (line.text.startsWith("#")) return { end: line.end, name: "" }; // a time stamp
  const count = lengthIn(line.text, "*");
  if (count === undefined) return "bad";
  let name = "";
  let at = line.end;
  for (let index = 0; index < count; index++) {
    const head = lineAt(bytes, at);
    if (head === undefined) return "cut";
    const length = lengthIn(head.text, "$");
    if (length === undefined) return "bad";
    at = head.end + length + BREAK.length;
    if (at > bytes.length) return "cut";
    if (index === 0) name = bytes.toString("latin1", head.end, head.end + Math.min(length, 16)).toUpperCase();
  }
  return { end: at, name };
}

function lineAt(bytes: Buffer, from: number): { readonly text: string; readonly end: number } | undefined {
  const end = bytes.indexOf(BREAK, from);
  return end < 0
    ? undefined
    : { text: bytes.toString("latin1", from, Math.min(end, from + 64)), end: end + BREAK.length };
}

function lengthIn(text: string, kind: "*" | "$"): number | undefined {
  return text[0] === kind && /^.\d{1,10}$/.test(text) ? Number(text.slice(1)) : undefined;
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}
