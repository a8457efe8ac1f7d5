// The limit for an HTTP answer: uWebSockets.js reads the body of a POST and sends a constant JSON of so many bytes.
import { loadUws } from "../../engine/deliver/uws.ts";

const body = JSON.stringify({ constant: "x".repeat(Math.max(0, Number(process.argv[2]) - 15)) });
const { App, us_socket_local_port: localPort } = loadUws();

App()
  .post("/*", (res) => {
    let isGone = false;
    res.onAborted(() => {
      isGone = true;
    });
    res.onData((_chunk, isLast) => {
      if (!isLast || isGone) return;
      res.cork(() => {
        res.writeHeader("content-type", "application/json");
        res.end(body);
      });
    });
  })
  .listen("127.0.0.1", 0, (socket) => {
    if (socket === false) throw new Error("no port of 127.0.0.1 is free");
    process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${localPort(socket)}` })}\n`);
  });
