import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { ApiError } from "@darkroom/contracts";
import { createLogger, createMetrics } from "@darkroom/runtime";
import { listeningPort } from "@darkroom/testing";
import Fastify from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { adminKey, startApi } from "../api.fixture.ts";
import { createDrain } from "../drain.ts";
import { startProcess } from "../process.fixture.ts";
import { createBodyDeadline } from "../limits/body-deadline.ts";
import { setCommonHeaders } from "./common-headers.ts";
import { connectionLimits } from "../limits/server-limits.ts";
import { createUnauthenticatedLog } from "./unauthenticated-log.ts";
import { createAuthenticationGate, type AuthenticationGateDependencies } from "./authentication-gate.ts";

/** More than are refused one by one in a second. */
const flood = 40;

const unauthenticated = (request: string) => `${request} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-unknown\r\n`;

/** Sends bytes as they are and returns all that comes back, without what is different each time. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.end(bytes);
  const answers = await text(socket);
  return answers.replaceAll(/req_\w{32}/g, "req_").replaceAll(/^(date|openai-processing-ms): .*$/gim, "$1");
}

/** Sends as many requests in one piece that from the next one on all unauthenticated requests are refused. */
const flooded = (port: number) => exchange(port, `${unauthenticated("GET /v1/models")}\r\n`.repeat(flood));

const exchanges = {
  GET: `${unauthenticated("GET /v1/models?a=1")}\r\n`,
  HEAD: `${unauthenticated("HEAD /v1/models")}\r\n`,
  "a GET with a part of the path that varies": `${unauthenticated("GET /v1/generations/gen_1")}\r\n`,
  "a GET without a key": "GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
  "a GET with half a key": "GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: sk-unknown\r\n\r\n",
  "a GET with too long a key": `GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${"k".repeat(257)}\r\n\r\n`,
  "a GET of the old HTTP": "GET /v1/models HTTP/1.0\r\nAuthorization: Bearer sk-unknown\r\n\r\n",
  "a GET on a connection to be closed": `${unauthenticated("GET /v1/models")}Connection: close\r\n\r\n`,
  "a GET without a host": "GET /v1/models HTTP/1.1\r\nAuthorization: Bearer sk-unknown\r\n\r\n",
  "a GET with two hosts": `GET /v1/models HTTP/1.1\r\nHost: x\r\nhost: y\r\nAuthorization: Bearer sk-unknown\r\n\r\n`,
  "the admin's routes": `${unauthenticated("GET /admin/keys")}\r\n${unauthenticated("GET /metrics")}\r\n`,
  "a usage that callers and the admin may read": `${unauthenticated("GET /v1/usage")}\r\n`,
  "an upgrade": `${unauthenticated("GET /v1/models")}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  "an expectation": `${unauthenticated("POST /v1/images/generations")}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}`,
  "an unknown expectation": `${unauthenticated("GET /v1/models")}Expect: wonders\r\n\r\n`,
  "a body, and another request after it": `${unauthenticated("POST /v1/images/generations")}Content-Length: 5\r\n\r\nhello${unauthenticated("GET /v1/files")}\r\n`,
  "a body in chunks, and another request after it": `${unauthenticated("POST /v1/files")}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n${unauthenticated("GET /v1/files")}\r\n`,
  "a body that looks like a request": `${unauthenticated("POST /v1/images/generations")}Content-Length: 39\r\n\r\nGET /healthz HTTP/1.1\r\nHost: smuggler\r\n`,
  "a route that is not there": `${unauthenticated("GET /v1/nowhere")}\r\n`,
  "a method that is not there": `${unauthenticated("OPTIONS /v1/models")}\r\n`,
  "a malformed path": `${unauthenticated("GET /v1/generations/%zz")}\r\n`,
  "what needs no key": `${unauthenticated("GET /healthz")}\r\n${unauthenticated("GET /images/nothing.png")}\r\n`,
};

/** A flooded service, and beside it a server that hands everything to its Fastify at once. */
async function start(corsOrigins: string[] = []) {
  const { app, drain } = await startApi({ corsOrigins });
  const bare = createServer(connectionLimits);
  const hand = (request: IncomingMessage, response: ServerResponse) => {
    setCommonHeaders(response);
    app.routing(request, response);
  };
  bare.on("request", hand).on("checkExpectation", hand);
  onTestFinished(() => void bare.close());
  return { drain, port: await listeningPort(app.server), barePort: await listeningPort(bare.listen(0, "127.0.0.1")) };
}

test("in a flood everybody is answered byte for byte as by Fastify", async () => {
  const { port, barePort } = await start();
  for (const [name, bytes] of Object.entries(exchanges)) {
    const expected = await exchange(barePort, bytes);
    await flooded(port);
    expect({ name, answer: await exchange(port, bytes) }).toEqual({ name, answer: expected });
    expect(expected).toMatch(/^HTTP/);
  }
});

test("in a flood a page may read that it is refused, as it may by Fastify", async () => {
  const page = "https://app.example.com";
  const { port, barePort } = await start([page]);
  for (const [path, origin] of [
    ["/v1/models", page],
    ["/v1/models", "https://elsewhere.example"],
    ["/admin/keys", page],
    ["/%61dmin/keys", page],
  ]) {
    const bytes = `${unauthenticated(`GET ${path}`)}Origin: ${origin}\r\n\r\n`;
    const expected = await exchange(barePort, bytes);
    await flooded(port);
    expect({ path, origin, answer: await exchange(port, bytes) }).toEqual({ path, origin, answer: expected });
    const isTold = path === "/v1/models" && origin === page;
    expect(expected.includes(`access-control-allow-origin: ${page}`)).toBe(isTold);
  }
});

test("while the process stops, the answer to an unauthenticated client is the last on its connection", async () => {
  const { drain, port, barePort } = await start();
  await flooded(port);
  drain.begin();
  const answer = await exchange(port, `${unauthenticated("GET /v1/models")}\r\n`.repeat(2));
  expect(answer).toBe(await exchange(barePort, `${unauthenticated("GET /v1/models")}\r\n`.repeat(2)));
  expect(answer.match(/HTTP\/1.1 401/g)).toHaveLength(1);
});

test("in a flood right keys open, the admin's too, and every refusal is counted", async () => {
  const api = await startApi();
  const answers = await flooded(await listeningPort(api.app.server));
  expect(answers.match(/HTTP\/1.1 401/g)).toHaveLength(flood);
  expect((await api.call("/v1/models")).status).toBe(200);
  expect((await api.call("/v1/usage")).status).toBe(200);
  expect((await api.call("/admin/keys", { key: adminKey })).status).toBe(200);
  expect((await api.call("/admin/keys")).status).toBe(403);
  const counted = async () => (await api.metrics.refusedRequests.get()).values;
  await expect.poll(counted).toContainEqual({ labels: { code: "invalid_api_key" }, value: flood });
});

test("an unauthenticated client that disconnects in the middle of a body harms no other client", async () => {
  const api = await startApi();
  const port = await listeningPort(api.app.server);
  await flooded(port);
  const socket = connect(port, "127.0.0.1");
  socket.write(`${unauthenticated("POST /v1/images/generations")}Content-Length: 5\r\n\r\nhe`);
  expect(String((await once(socket, "data"))[0])).toMatch(/^HTTP\/1.1 401/);
  socket.resetAndDestroy();
  expect((await api.call("/v1/models")).status).toBe(200);
});

const broken = () => {
  throw new ApiError("invalid_api_key", "Who is it?");
};

/** A gate in a server of its own that knows no key, and what it had done by the end of each request's turn. */
async function startGate(over: Partial<AuthenticationGateDependencies> = {}) {
  const log = createLogger({ name: "api-test", level: "silent", pretty: false });
  const dependencies = {
    log,
    metrics: createMetrics({ ofProcess: false }),
    unauthenticatedLog: createUnauthenticatedLog(log),
  };
  const gate = createAuthenticationGate({
    ...dependencies,
    keyring: { authenticate: broken },
    bodyDeadline: createBodyDeadline(dependencies, { wholeMs: 100, upload: { windowMs: 100, leastBytes: 1 } }),
    drain: createDrain(),
    trustProxy: false,
    routes: { has: () => true },
    corsOrigins: [],
    ...over,
  });
  const app = Fastify();
  gate.guard(app);
  app.post("/", async () => {});
  await app.ready();
  const done: ("passed on" | "answered" | "waits")[] = [];
  const server = createServer((request, response) => {
    const isTurnedAway = gate.turnAway(request, response, () => {});
    done.push(isTurnedAway ? (response.writableEnded ? "answered" : "waits") : "passed on");
    if (!isTurnedAway) response.end();
  });
  onTestFinished(() => void server.close());
  return { port: await listeningPort(server.listen(0, "127.0.0.1")), done };
}

test("the body of an unauthenticated client has no more time than that of others", async () => {
  const { port } = await startGate();
  await exchange(port, `${unauthenticated("POST /")}\r\n`.repeat(flood));
  const socket = connect(port, "127.0.0.1");
  socket.write(`${unauthenticated("POST /")}Content-Length: 5\r\n\r\nhe`);
  // Resolves when the connection is cut.
  expect(await text(socket)).toMatch(/^HTTP\/1.1 401/);
});

test("in a flood unauthenticated clients wait for their turn, but not behind a proxy, whose connections are shared", async () => {
  const direct = await startGate();
  await exchange(direct.port, `${unauthenticated("POST /")}\r\n`.repeat(flood));
  expect(Map.groupBy(direct.done, String)).toEqual(
    new Map([
      ["passed on", Array.from({ length: 10 }, () => "passed on")],
      ["waits", Array.from({ length: flood - 10 }, () => "waits")],
    ]),
  );
  const proxied = await startGate({ trustProxy: ["10.0.0.0/8"] });
  await exchange(proxied.port, `${unauthenticated("POST /")}\r\n`.repeat(flood));
  expect(proxied.done).not.toContain("waits");
});

/**
 * Each second of the flood has ten lines of its own and one for all others, and no refusal goes untold. How many seconds 40 refusals take is
 * up to the machine: the last of them may have no more than ten.
 */
function expectTenLinesASecond(lines: ReturnType<typeof startProcess>["lines"], status: number): void {
  const own = lines.filter((line) => line["status"] === status).length;
  const shared = lines.filter(({ refused }) => refused !== undefined);
  expect(shared.length).toBeGreaterThan(0);
  expect(own - 10 * shared.length).toBeGreaterThanOrEqual(0);
  expect(own - 10 * shared.length).toBeLessThanOrEqual(10);
  expect(own + shared.reduce((told, { refused }) => told + Number(refused), 0)).toBe(flood);
  for (const line of shared) {
    expect(line).toMatchObject({ level: 40, msg: expect.stringContaining(`${Number(line["refused"])} more`) });
  }
}

test("the first ten refusals in a second have lines of their own, and the rest share one", async () => {
  const { child, lines, baseUrl, exitCode } = startProcess();
  await flooded(Number(new URL(await baseUrl).port));
  child.kill("SIGTERM");
  expect(await exitCode()).toBe(0);
  expectTenLinesASecond(lines, 401);
});

test.each([
  ["unknown routes with long paths", `GET /${"a".repeat(1_500)} HTTP/1.1\r\nHost: x\r\n\r\n`, 404],
  ["signed links that are wrong", `GET /images/a.png?signature=x HTTP/1.1\r\nHost: x\r\n\r\n`, 403],
  ["methods that a route does not have", `DELETE /v1/models HTTP/1.1\r\nHost: x\r\n\r\n`, 405],
  ["preflights", `OPTIONS /v1/models HTTP/1.1\r\nHost: x\r\n\r\n`, 405],
])("%s have ten lines in a second, too", async (_, request, status) => {
  const { child, lines, baseUrl, exitCode } = startProcess({ SHUTDOWN_DELAY_MS: "0" });
  const answers = await exchange(Number(new URL(await baseUrl).port), request.repeat(flood));
  expect(answers.match(new RegExp(`HTTP/1.1 ${status}`, "g"))).toHaveLength(flood);
  child.kill("SIGTERM");
  expect(await exitCode()).toBe(0);
  expectTenLinesASecond(lines, status);
});

test("in a flood of requests for unknown routes they wait for their turn, and known routes do not", async () => {
  const { port, done } = await startGate({ routes: { has: (_, url) => url === "/known" } });
  const socket = connect(port, "127.0.0.1");
  socket.write("GET /nope HTTP/1.1\r\nHost: x\r\n\r\n".repeat(flood));
  await expect.poll(() => done).toHaveLength(flood);
  socket.destroy();
  await exchange(port, "GET /known HTTP/1.1\r\nHost: x\r\n\r\n");
  const waited = Array.from({ length: flood - 10 }, () => "waits");
  expect(done).toEqual([...Array.from({ length: 10 }, () => "passed on"), ...waited, "passed on"]);
});
