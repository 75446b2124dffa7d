import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { listeningPort } from "./listening-port.ts";
import { startTcpProxy } from "./tcp-proxy.ts";

async function echoBehindProxy() {
  const echo = createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(0, "127.0.0.1");
  onTestFinished(() => void echo.close());
  const proxy = await startTcpProxy(`http://127.0.0.1:${await listeningPort(echo)}`);
  onTestFinished(proxy.close);
  const open = (): Socket => {
    const socket = connect(proxy.port, "127.0.0.1").setEncoding("utf8");
    socket.on("error", () => {});
    onTestFinished(() => void socket.destroy());
    return socket;
  };
  return { proxy, open };
}

const answerTo = async (socket: Socket, text: string): Promise<unknown> => {
  socket.write(text);
  return (await once(socket, "data"))[0];
};

test("bytes pass both ways, the end of one direction included", async () => {
  const { proxy, open } = await echoBehindProxy();
  expect(proxy.url).toBe(`http://127.0.0.1:${proxy.port}`);
  const socket = open();
  expect(await answerTo(socket, "one")).toBe("one");
  socket.end();
  await once(socket, "close");
});

test("cut breaks open and new connections until restore", async () => {
  const { proxy, open } = await echoBehindProxy();
  const socket = open();
  await answerTo(socket, "one");
  proxy.cut();
  await once(socket, "close");
  await once(open(), "close");
  proxy.restore();
  expect(await answerTo(open(), "two")).toBe("two");
});

test("blackhole holds old and new connections open and delivers what was held after restore", async () => {
  const { proxy, open } = await echoBehindProxy();
  const old = open();
  await answerTo(old, "one");
  proxy.blackhole();
  const fresh = open();
  await once(fresh, "connect");
  const answers: string[] = [];
  const both = Promise.all([once(old, "data"), once(fresh, "data")]);
  for (const socket of [old, fresh]) socket.on("data", (text: string) => answers.push(text)).write("held");
  // A line through a second, open proxy has gone there and back: the held bytes had their chance.
  const other = await echoBehindProxy();
  expect(await answerTo(other.open(), "witness")).toBe("witness");
  expect(answers).toEqual([]);
  proxy.restore();
  await both;
  expect(answers).toEqual(["held", "held"]);
});
