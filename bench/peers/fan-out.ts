// The limit for frames to screens: uWebSockets.js sends a constant frame of so many bytes to every socket that asked for a topic
// (path of its URL), whenever somebody says the topic on the socket /control.
import { loadUws, type Socket } from "../../engine/deliver/uws.ts";

const frame = "x".repeat(Number(process.argv[2]));
const { App, us_socket_local_port: localPort } = loadUws();
const byTopic = new Map<string, Socket<{ topic: string }>[]>();

App()
  .ws<{ topic: string }>("/*", {
    upgrade: (res, req, context) => {
      const key = req.getHeader("sec-websocket-key");
      const protocol = req.getHeader("sec-websocket-protocol");
      res.upgrade({ topic: req.getUrl().slice(1) }, key, protocol, req.getHeader("sec-websocket-extensions"), context);
    },
    open: (socket) => {
      const { topic } = socket.getUserData();
      byTopic.set(topic, [...(byTopic.get(topic) ?? []), socket]);
    },
    message: (_control, message) => {
      for (const socket of byTopic.get(Buffer.from(message).toString()) ?? []) socket.send(frame);
    },
    close: (socket) => {
      const { topic } = socket.getUserData();
      byTopic.set(
        topic,
        (byTopic.get(topic) ?? []).filter((one) => one !== socket),
      );
    },
  })
  .listen("127.0.0.1", 0, (socket) => {
    if (socket === false) throw new Error("no port of 127.0.0.1 is free");
    process.stdout.write(`${JSON.stringify({ url: `ws://127.0.0.1:${localPort(socket)}` })}\n`);
  });
