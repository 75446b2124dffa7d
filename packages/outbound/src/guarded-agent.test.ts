import type { LookupAddress } from "node:dns";
import { createServer } from "node:http";
import net from "node:net";
import { listeningPort } from "@darkroom/testing";
import { interceptors, request } from "undici";
import { afterAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { assertPublicUrl } from "./assert-public-url.ts";
import { createGuardedAgent } from "./guarded-agent.ts";
import { OutboundError } from "./outbound-error.ts";
import type { ResolveName } from "./resolve-name.ts";

let connections = 0;
const server = createServer((message, response) => {
  if (message.url === "/metadata") response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data/" });
  response.end("from inside");
});
server.on("connection", () => connections++);
const port = await listeningPort(server.listen(0, "127.0.0.1"));
afterAll(() => void server.close());
beforeEach(() => {
  connections = 0;
});

const inside: LookupAddress[] = [{ address: "127.0.0.1", family: 4 }];
const outside: LookupAddress[] = [
  { address: "93.184.215.14", family: 4 },
  { address: "2606:4700:4700::1111", family: 6 },
];

const open = (resolve: ResolveName, allowPrivate = false) => {
  const agent = createGuardedAgent({ allowPrivate, connectTimeoutMs: 2000, resolve });
  onTestFinished(() => agent.destroy());
  return agent;
};
const refusalOf = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof OutboundError)) throw new Error(`not refused: ${String(error)}`);
  expect(connections).toBe(0);
  return error;
};

describe("refused at the connection, whatever was checked before", () => {
  test.each(["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "0x7f.1", "localhost", "x.localhost."])(
    "http://%s/",
    async (host) => {
      const dispatcher = open(async () => inside);
      expect((await refusalOf(request(`http://${host}:${port}/`, { dispatcher }))).code).toBe("PRIVATE_ADDRESS");
    },
  );

  test("a name that leads inside", async () => {
    const dispatcher = open(async () => inside);
    const error = await refusalOf(request(`http://name.example:${port}/`, { dispatcher }));
    expect(error).toMatchObject({
      code: "PRIVATE_ADDRESS",
      detail: "name.example resolves to 127.0.0.1, which is not public",
    });
  });

  test("a name that leads outside and inside", async () => {
    const dispatcher = open(async () => [...outside, ...inside]);
    expect((await refusalOf(request(`http://name.example:${port}/`, { dispatcher }))).code).toBe("PRIVATE_ADDRESS");
  });

  test("a name that led outside when it was checked and leads inside now", async () => {
    const answers = [outside, inside];
    const resolve: ResolveName = async () => answers.shift() ?? inside;
    const url = await assertPublicUrl(`http://rebinding.example:${port}/`, {
      allowPrivate: false,
      allowInsecure: true,
      resolve,
    });
    expect((await refusalOf(request(url, { dispatcher: open(resolve) }))).code).toBe("PRIVATE_ADDRESS");
  });

  test("an unknown name", async () => {
    const dispatcher = open(() => Promise.reject(Object.assign(new Error("query"), { code: "ENOTFOUND" })));
    const error = await refusalOf(request("http://gone.example/", { dispatcher }));
    expect(error).toMatchObject({ code: "NAME_NOT_FOUND", retryable: true });
  });
});

const isTcp = (options: unknown): options is net.TcpNetConnectOpts =>
  typeof options === "object" && options !== null && "port" in options;

/** Brings every connection here and notes where it would have gone: the socket's own question to its `lookup`. */
function divertConnections() {
  const targets: unknown[] = [];
  const connect = net.connect.bind(net);
  const spy = vi.spyOn(net, "connect").mockImplementation((options: unknown) => {
    if (!isTcp(options)) throw new Error("not a TCP connection");
    options.lookup?.(options.host ?? "", { all: true }, (_error, addresses) => targets.push(addresses));
    return connect({ port, host: "127.0.0.1" });
  });
  onTestFinished(() => spy.mockRestore());
  return targets;
}

test("the socket gets exactly the addresses that were checked, and each connection is checked again", async () => {
  const targets = divertConnections();
  const resolve = vi.fn<ResolveName>(async () => outside);
  const dispatcher = open(resolve);
  for (const calls of [1, 2]) {
    expect(await (await request("http://name.example/", { dispatcher })).body.text()).toBe("from inside");
    expect(resolve).toHaveBeenCalledTimes(calls);
  }
  expect(targets).toEqual([outside, outside]);
});

test("a redirect to a private address is refused where it would connect", async () => {
  const targets = divertConnections();
  const dispatcher = open(async () => outside).compose(interceptors.redirect({ maxRedirections: 3 }));
  await expect(request("http://name.example/metadata", { dispatcher })).rejects.toMatchObject({
    code: "PRIVATE_ADDRESS",
    message: expect.stringContaining("169.254.169.254"),
  });
  expect(targets).toHaveLength(1);
});

test("with private addresses allowed, our own network is reached", async () => {
  const dispatcher = open(async () => [], true);
  expect(await (await request(`http://localhost:${port}/`, { dispatcher })).body.text()).toBe("from inside");
});
