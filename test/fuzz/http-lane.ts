// One kept connection that sends requests byte for byte, as no HTTP client would, and reads what comes back.
import { connect, type Socket } from "node:net";

export interface Reply {
  /** 0: the connection was closed without an answer. */
  readonly status: number;
  readonly body: string;
}

export interface HttpLane {
  /** One after another. Rejects where nothing comes within 20 s. */
  readonly send: (request: Uint8Array, isHead?: boolean) => Promise<Reply>;
  readonly close: () => void;
}

const SILENCE_MS = 20_000;

export function openLane(port: number): HttpLane {
  let socket: Socket | undefined;
  return {
    send: async (request, isHead = false) => {
      if (socket === undefined || socket.destroyed) socket = await dial(port);
      const { reply, isOver } = await exchange(socket, request, isHead);
      if (isOver) socket.destroy();
      return reply;
    },
    close: () => socket?.destroy(),
  };
}

/** Everything that a connection answers to these bytes until it is closed; the sender says that nothing follows. */
export async function sendRaw(port: number, bytes: Uint8Array): Promise<string> {
  const socket = await dial(port);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error("the connection was neither answered nor closed"));
    }, SILENCE_MS);
    socket.once("close", () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString("latin1"));
    });
    socket.end(bytes);
  });
}

export function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.removeListener("error", reject);
      // A reset is a closed connection.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

function exchange(
  socket: Socket,
  request: Uint8Array,
  isHead: boolean,
): Promise<{ readonly reply: Reply; readonly isOver: boolean }> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const settle = (reply: Reply, isOver: boolean): void => {
      clearTimeout(timer);
      socket.removeListener("data", onData);
      socket.removeListener("close", onClose);
      resolve({ reply, isOver });
    };
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const read = readReply(received, isHead);
      if (read !== undefined) settle(read.reply, read.isOver);
    };
    const onClose = (): void => settle({ status: statusesOf(received.toString("latin1"))[0] ?? 0, body: "" }, true);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error("the request was neither answered nor closed"));
    }, SILENCE_MS);
    socket.on("data", onData);
    socket.once("close", onClose);
    socket.write(request);
  });
}

function readReply(received: Buffer, isHead: boolean): { readonly reply: Reply; readonly isOver: boolean } | undefined {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = received.subarray(0, end).toString("latin1");
  const status = statusesOf(head)[0] ?? 0;
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  const hasNone = isHead || status === 204 || status === 304 || length === undefined;
  const bytes = hasNone ? 0 : Number(length);
  if (received.length < end + 4 + bytes) return undefined;
  const body = received.subarray(end + 4, end + 4 + bytes).toString("utf8");
  return {
    reply: { status, body },
    isOver: isHead || /^connection: *close/im.test(head) || received.length > end + 4 + bytes,
  };
}

/** Of all answers in what a connection sent. */
export function statusesOf(text: string): readonly number[] {
  return [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => Number(match[1]));
}
