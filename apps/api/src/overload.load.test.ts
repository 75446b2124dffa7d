import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setPriority } from "node:os";
import { text } from "node:stream/consumers";
import { generationSchema } from "@darkroom/contracts";
import { connectWorker } from "@darkroom/redis";
import { startRedis } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { apiKey } from "./api.fixture.ts";
import { residentBytes, startProcess } from "./process.fixture.ts";

const submissions = 6_000;
const body = JSON.stringify({ prompt: "a cat", model: "dall-e-2" });
const request = [
  "POST /v1/images/generations HTTP/1.1",
  "host: x",
  `authorization: Bearer ${apiKey}`,
  "content-type: application/json",
  `content-length: ${body.length}`,
  "prefer: respond-async",
  "connection: close",
  "",
  body,
].join("\r\n");

/**
 * Connections that the api has accepted, and has answered on. It gives the next request of such a connection more time to begin than the
 * first of a new one, for which 10 s are too few where it takes long to open thousands.
 */
async function openConnections(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  // No more at a time than the kernel lets wait for a server to take them.
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(200, count - sockets.length) }, () => connect(port, "127.0.0.1"));
    await Promise.all(
      some.map(async (socket) => {
        socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
        const [answer] = await once(socket, "data");
        expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
      }),
    );
    sockets.push(...some);
  }
  return sockets;
}

/** Status, headers and body of an answer, as it came. */
function read(answer: string) {
  const [head = "", json = ""] = answer.split("\r\n\r\n");
  const header = (name: string) => new RegExp(`^${name}: (.*)$`, "im").exec(head)?.[1]?.trim() ?? "";
  return { status: Number(head.slice(9, 12)), header, json };
}

test("of 6,000 submissions at once, each that is accepted is answered with its id, and each other one may be sent again", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const redis = connectWorker(server.url, () => {});
  onTestFinished(() => redis.disconnect());
  // One key stands for many: its own share of held requests is no subject of this.
  const api = startProcess({
    REDIS_URL: server.url,
    QUEUE_PREFIX: "overload",
    MAX_HELD_REQUESTS_PER_KEY: String(submissions),
  });
  const { port, origin } = new URL(await api.baseUrl);
  // Tests that run beside this one have limits of time. And a process that is short of CPU time is what this is about.
  setPriority(api.child.pid ?? 0, 10);
  const sockets = await openConnections(Number(port), submissions);
  const answers = await Promise.all(
    sockets.map(async (socket) => {
      socket.write(request);
      return read(await text(socket));
    }),
  );

  const accepted = answers.filter(({ status }) => status === 202);
  const refused = answers.filter(({ status }) => status !== 202);
  // The fewer, the slower the machine is.
  expect(accepted.length).toBeGreaterThan(20);
  for (const { status, header, json } of refused) {
    expect({ status, json }).toEqual({ status: 503, json: expect.stringMatching(/too many requests|overloaded/) });
    expect([header("x-should-retry"), header("retry-after")]).toEqual(["true", expect.stringMatching(/^[1-5]$/)]);
  }
  const ids = accepted.map(({ json }) => generationSchema.parse(JSON.parse(json)).id);
  expect(new Set(await redis.zrange("overload:index:acme", "0", "-1"))).toEqual(new Set(ids));
  expect((await fetch(`${origin}/readyz`)).status).toBe(200);
  // Before requests were bounded 8,000 of them took 945 MB.
  expect(residentBytes(api.child.pid ?? 0)).toBeLessThan(700_000_000);
});
