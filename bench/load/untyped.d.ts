// As much as the benchmarks use of two packages that bring no types.
declare module "autocannon" {
  interface Request {
    method: string;
    path: string;
    headers: Record<string, string>;
    body?: string;
  }
  interface Options {
    url: string;
    connections: number;
    /** Seconds. */
    duration: number;
    requests: (Request & { setupRequest?: (request: Request) => Request })[];
  }
  interface Result {
    /** Seconds that it really took. */
    duration: number;
    "2xx": number;
    non2xx: number;
    errors: number;
    timeouts: number;
  }
  function autocannon(options: Options): Promise<Result>;
  export = autocannon;
}

declare module "ws" {
  export class WebSocket {
    constructor(url: string, protocols?: string | string[]);
    on(event: "open", listener: () => void): this;
    on(event: "message", listener: (bytes: Buffer, isBinary: boolean) => void): this;
    on(event: "error", listener: (error: Error) => void): this;
    on(event: "close", listener: (code: number, reason: Buffer) => void): this;
    send(text: string): void;
    terminate(): void;
  }
  export class WebSocketServer {
    constructor(options: { readonly server: import("node:http").Server });
    on(event: "connection", listener: (socket: WebSocket, request: import("node:http").IncomingMessage) => void): this;
  }
}
