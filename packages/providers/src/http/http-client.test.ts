import { createServer as createTlsServer } from "node:https";
import { once } from "node:events";
import { createServer, type LookupFunction } from "node:net";
import { freePort, startFakeOpenAi, startStopwatch } from "@darkroom/testing";
import { afterAll, afterEach, describe, expect, onTestFinished, test } from "vitest";
import { Agent } from "undici";
import { failureOf } from "../examine-provider.fixture.ts";
import { downloadImage } from "./download-image.ts";
import { createSpool } from "../spool/spool.ts";
import { createHttpClient, type HttpClientOptions } from "./http-client.ts";
import { httpSettingsSchema } from "./settings.ts";

const upstream = await startFakeOpenAi();
afterEach(() => upstream.reset());
afterAll(() => upstream.close());

const open = (env: Record<string, string> = {}, options: HttpClientOptions = {}) => {
  const client = createHttpClient(httpSettingsSchema.parse(env), options);
  onTestFinished(() => client.close());
  return client;
};
const lookupHere: LookupFunction = (_name, _options, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }]);
const never = new AbortController().signal;
const post = (env: Record<string, string>, url = `${upstream.baseUrl}/images/generations`) =>
  open(env).postJson({
    url,
    headers: { authorization: "Bearer test-key-0123456789" },
    body: { model: "gpt-image-1" },
    signal: never,
  });
const download = (url: string, env: Record<string, string> = {}) =>
  open({ PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true", ...env }).downloadImage(url, never);

const notSent = { code: "upstream_error", retryable: true, mayHaveCharged: false };
const perhapsPaid = { retryable: false, mayHaveCharged: true };

describe("a request that never left", () => {
  test("refused connection", async () => {
    expect((await failureOf(post({}, `http://127.0.0.1:${await freePort()}/v1`))).facts).toMatchObject({
      ...notSent,
      detail: "ECONNREFUSED",
    });
  });

  test("a name that does not exist", async () => {
    expect((await failureOf(post({}, "http://upstream.invalid/v1"))).facts).toMatchObject(notSent);
  });

  test("a port that does not speak TLS", async () => {
    expect((await failureOf(post({}, upstream.origin.replace("http:", "https:")))).facts).toMatchObject(notSent);
  });

  test("a TLS server that hangs up in the handshake", async () => {
    const server = createTlsServer({}).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    expect((await failureOf(post({}, `https://127.0.0.1:${address.port}/v1`))).facts).toMatchObject(notSent);
  });

  test("no connection within the time for it", async () => {
    // It stands in for a lost SYN-ACK: the connect timeout covers TLS too.
    const url = await withoutHandshake();
    const sinceMs = startStopwatch();
    const error = await failureOf(post({ PROVIDER_CONNECT_TIMEOUT_MS: "300" }, url));
    expect(error.facts).toMatchObject({ ...notSent, detail: "UND_ERR_CONNECT_TIMEOUT" });
    expect(sinceMs()).toBeLessThan(3000);
  });
});

/** A server that accepts and never shakes hands. */
async function withoutHandshake(): Promise<string> {
  const server = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `https://127.0.0.1:${address.port}/v1`;
}

describe("an abort while the connection is being made", () => {
  const reason = new Error("canceled by its owner");
  const abortSoon = () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 50);
    return controller.signal;
  };

  test.each([
    ["postJson", (url: string, signal: AbortSignal) => open().postJson({ url, headers: {}, body: {}, signal })],
    [
      "downloadImage",
      (url: string, signal: AbortSignal) =>
        open({ PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true" }).downloadImage(url, signal),
    ],
  ])("ends %s at once", async (_, call) => {
    const sinceMs = startStopwatch();
    await expect(call(await withoutHandshake(), abortSoon())).rejects.toBe(reason);
    expect(sinceMs()).toBeLessThan(1_000);
  });
});

describe("a request that left and was not answered", () => {
  test.each([
    ["cut before the answer", { connection: "cut" }, {}, "upstream_error"],
    ["cut in the middle of the answer", { connection: "cut-midway" }, {}, "upstream_error"],
    ["silence", { connection: "silence" }, { PROVIDER_HEADERS_TIMEOUT_MS: "300" }, "timeout_error"],
    [
      "headers, then silence",
      { connection: "headers-then-silence" },
      { PROVIDER_IDLE_TIMEOUT_MS: "300" },
      "timeout_error",
    ],
    [
      "a drip that never pauses for long",
      { connection: "drip" },
      { PROVIDER_TOTAL_TIMEOUT_MS: "500" },
      "timeout_error",
    ],
    ["an endless answer", { connection: "endless" }, { PROVIDER_MAX_REPLY_BYTES: "1000000" }, "upstream_error"],
    [
      "gzip that is broken",
      { headers: { "content-encoding": "gzip" }, body: Buffer.from([0x1f, 0x8b, 8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) },
      {},
      "upstream_error",
    ],
  ] as const)("%s", async (_, behaviour, env, code) => {
    upstream.next(behaviour);
    const error = await failureOf(post(env));
    expect(error.facts).toMatchObject({ ...perhapsPaid, code });
    expect(JSON.stringify([error.message, error.facts.detail])).not.toContain("test-key");
    expect(upstream.requests).toHaveLength(1);
    // The connection is given back: nothing goes on upstream, and nothing leaks here.
    await expect.poll(() => upstream.unfinished()).toBe(0);
  });
});

test("a redirect is not followed: the key stays at home", async () => {
  upstream.next({ status: 307, body: "", headers: { location: `${upstream.origin}/v1/images/generations` } });
  expect(await post({})).toMatchObject({ ok: false, status: 307 });
  expect(upstream.requests).toHaveLength(1);
});

const loop = () =>
  `${upstream.origin}/files/1x1.png?to=${encodeURIComponent("/files/1x1.png?to=%2Ffiles%2F1x1.png%3Fto%3D%252Fx%253Fto%253D%25252Fy")}`;

describe("fetching an image", () => {
  test("gives bytes and the claimed type, through a redirect", async () => {
    const to = encodeURIComponent("/files/4x4.png");
    const { bytes, contentType } = await download(`${upstream.origin}/files/1x1.png?to=${to}`);
    expect(contentType).toBe("image/png");
    expect(bytes.byteLength).toBeGreaterThan(50);
  });

  test.each([
    ["a missing image", () => `${upstream.origin}/gone.png`, "HTTP 404 from the image's server"],
    [
      "a server that fails three times",
      () => `${upstream.origin}/files/1x1.png?status=503`,
      "HTTP 503 from the image's server",
    ],
    ["more than three redirects", loop, "more than 3 redirects"],
    ["another protocol", () => "ftp://example.com/a.png", "The URL must start with https:// or http://, not with ftp:"],
    ["a file", () => "file:///etc/passwd", "The URL must start with https:// or http://, not with file:"],
    ["no URL", () => "image.png", "This is not a URL. It must be a full one, with https:// or http://"],
    [
      "a URL with a password",
      () => "http://a:b@example.com/a.png",
      "The URL must not have a user or a password in it. Put a token into its path or query instead.",
    ],
  ])("%s is a failure of an image that was paid for", async (_, url, detail) => {
    expect((await failureOf(download(url()))).facts).toMatchObject({ ...perhapsPaid, code: "upstream_error", detail });
  });

  test("an image larger than allowed is not read to its end", async () => {
    const error = await failureOf(
      download(`${upstream.origin}/files/640x480.png`, { PROVIDER_MAX_IMAGE_BYTES: "100" }),
    );
    expect(error.facts.detail).toContain("larger than 100 bytes");
  });

  test.each([
    "http://127.0.0.1/",
    "http://0x7f.1/",
    "http://2130706433/",
    "http://0.0.0.0/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.1.1:6379/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[::]/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[ff02::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::a00:1]/",
    "http://[2002:a00:1::]/",
    "http://localhost/",
  ])("%s is never fetched from", async (url) => {
    const error = await failureOf(download(url, { PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "false" }));
    expect(error.facts).toMatchObject({ ...perhapsPaid, code: "upstream_error" });
    expect(error.facts.detail).toMatch(/not a public address|not public/);
  });

  test("a name is refused when any of its addresses is private, and resolved only once", async () => {
    let lookups = 0;
    const resolve: HttpClientOptions["resolve"] = async () => {
      lookups++;
      return [
        { address: "93.184.215.14", family: 4 },
        { address: "127.0.0.1", family: 4 },
      ];
    };
    const error = await failureOf(open({}, { resolve }).downloadImage("http://rebinding.example/a.png", never));
    expect(error.facts.detail).toBe("rebinding.example resolves to 127.0.0.1, which is not public");
    expect(lookups).toBe(1);
  });

  test("a redirect to a private address is not followed", async () => {
    // A name that passes as public, on a connector that brings it here: only the second hop can be at fault.
    const dispatcher = new Agent({ connect: { lookup: lookupHere } });
    onTestFinished(() => dispatcher.destroy());
    const here = `http://images.example:${new URL(upstream.origin).port}`;
    const limits = { dispatcher, totalTimeoutMs: 5000, maxBytes: 100_000, allowPrivate: false, spool: createSpool() };
    expect((await downloadImage(`${here}/files/1x1.png`, never, limits)).contentType).toBe("image/png");
    const redirect = `${here}/files/1x1.png?to=${encodeURIComponent("http://169.254.169.254/latest/")}`;
    const error = await failureOf(downloadImage(redirect, never, limits));
    expect(error.facts.detail).toContain("169.254.169.254 is not a public address");
  });
});

test("no connection is kept for the next call", async () => {
  expect(await post({})).toMatchObject({ ok: true });
  expect(upstream.requests[0]?.headers.connection).toBe("close");
});
