// The limit for a frame to a screen: uWebSockets.js sends back what it was sent.
import { loadUws } from "../../engine/deliver/uws.ts";

const { App, us_socket_local_port: localPort } = loadUws();

App()
  .ws("/*", {
    message: (socket, message, isBinary) => {
      socket.send(message, isBinary);
    },
  })
  .listen("127.0.0.1", 0, (socket) => {
    if (socket === false) throw new Error("no port of 127.0.0.1 is free");
    process.stdout.write(`${JSON.stringify({ url: `ws://127.0.0.1:${localPort(socket)}` })}\n`);
  });
