import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { text } from "node:stream/consumers";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { generationSchema, imageResponseSchema } from "@darkroom/contracts";
import { freePort } from "@darkroom/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { labelledBlocks } from "./labelled-blocks.ts";
import { measureLink } from "./measure-image.ts";
import { hasNginx, runNginx } from "./nginx.ts";
import { runProgram } from "./run-program.ts";
import { openStack } from "./stack.ts";

const document = readFileSync(new URL("../../docs/proxies.md", import.meta.url), "utf8");
const blocks = new Map(labelledBlocks(document).map(({ path, text: block }) => [path, block]));
const request = { model: "dall-e-2", prompt: "A lighthouse at dusk", size: "256x256" } as const;

/** Replaces what differs on this machine, and fails where the document does not have it. */
function replaced(configuration: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((all, [from, to]) => {
    expect(all).toContain(from);
    return all.replaceAll(from, to);
  }, configuration);
}

/** A certificate for this machine, which this process trusts. */
async function makeCertificate(folder: string): Promise<Record<"certificate" | "key", string>> {
  const [certificate, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await runProgram("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", certificate]);
  setDefaultCACertificates([...getCACertificates("default"), readFileSync(certificate, "utf8")]);
  return { certificate, key };
}

/**
 * Two apis behind the nginx of the document. `path`: where callers find them. `more` is put into its server. `close` takes all of it
 * down.
 */
async function openBehindNginx({ path = "", more = "" } = {}) {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "darkroom-nginx-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const origin = `https://localhost:${port}`;
  const { certificate, key } = await makeCertificate(folder);
  const stack = await openStack({ environment: { TRUST_PROXY: "127.0.0.1/32", SHUTDOWN_DELAY_MS: "1500" } });
  opened.defer(stack.close);
  const apis = await Promise.all([1, 2].map(async () => stack.startApi({ PUBLIC_BASE_URL: `${origin}${path}` })));
  const configuration = replaced(blocks.get("/etc/nginx/nginx.conf") ?? "", {
    "10.0.0.11:4000": new URL(apis[0]?.origin ?? "").host,
    "10.0.0.12:4000": new URL(apis[1]?.origin ?? "").host,
    "listen 443 ssl": `listen 127.0.0.1:${port} ssl`,
    "/etc/nginx/images.example.com.pem": certificate,
    "/etc/nginx/images.example.com.key": key,
    "location / {": `${more}\nlocation / {`,
  });
  opened.defer(await runNginx({ configuration, port, folder }));
  const open = opened.move();
  const base = `${origin}${path}`;
  const headers = { authorization: `Bearer ${stack.apiKey}` };
  return {
    apis,
    base,
    headers,
    generate: (body: object, init: { headers?: Record<string, string> } = {}) =>
      fetch(`${base}/v1/images/generations`, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json", ...init.headers },
        body: JSON.stringify(body),
      }),
    close: () => open.disposeAsync(),
  };
}

const nginx = await hasNginx();
const trusted = getCACertificates("default");
afterAll(() => setDefaultCACertificates(trusted));

describe.skipIf(!nginx)("behind the nginx of docs/proxies.md", () => {
  let service: Awaited<ReturnType<typeof openBehindNginx>>;
  beforeAll(async () => {
    service = await openBehindNginx();
    return service.close;
  });

  test("images are drawn, over TLS, and their links lead through it", async () => {
    const { data } = imageResponseSchema.parse(await (await service.generate(request)).json());
    const url = data[0]?.url ?? "";
    expect(url.startsWith(`${service.base}/images/`)).toBe(true);
    expect(await measureLink(url)).toMatchObject({ size: "256x256" });
  });

  test("the log has the address of the caller, and not what it says of itself", async () => {
    const { base, headers, apis } = service;
    const answered = Promise.withResolvers<unknown>();
    httpsRequest(
      {
        host: "127.0.0.1",
        port: new URL(base).port,
        servername: "localhost",
        // Another loopback address than the one that nginx itself connects from.
        localAddress: "127.0.0.2",
        path: "/v1/models",
        headers: { ...headers, host: "localhost", "x-forwarded-for": "203.0.113.9" },
      },
      (response) => answered.resolve(text(response)),
    )
      .once("error", answered.reject)
      .end();
    await answered.promise;
    const lines = () => apis.flatMap((api) => api.lines.filter((line) => line.includes("GET /v1/models")));
    await expect.poll(lines).toHaveLength(1);
    expect(JSON.parse(lines()[0] ?? "")).toMatchObject({ ip: "127.0.0.2" });
  });

  test("a file larger than nginx takes by default is taken", async () => {
    const form = new FormData();
    form.append("purpose", "batch");
    form.append("file", new File(["x".repeat(5_000_000)], "prompts.jsonl"));
    const answer = await fetch(`${service.base}/v1/files`, { method: "POST", headers: service.headers, body: form });
    expect(await answer.json()).toMatchObject({ bytes: 5_000_000 });
  });

  test("a stream is passed on as it comes", async () => {
    const startedMs = performance.now();
    const prompt = "A lighthouse at dusk [sandbox:delay=4000]";
    const answer = await service.generate({ ...request, prompt, stream: true });
    const received: { afterMs: number; text: string }[] = [];
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      received.push({ afterMs: performance.now() - startedMs, text: chunk });
    }
    expect(received.map((one) => one.text).join("")).toContain("image_generation.completed");
    expect(received[0]?.text).toMatch(/^:/);
    expect((received.at(-1)?.afterMs ?? 0) - (received[0]?.afterMs ?? 0)).toBeGreaterThan(2_000);
  });

  // The last of them: one of the apis is gone after it.
  test("no caller notices that an api is stopped", async () => {
    const statuses: number[] = [];
    let stopped: Promise<void> | undefined;
    for (let i = 0; i < 60; i++) {
      if (i === 20) stopped = service.apis[0]?.end("SIGTERM");
      statuses.push((await service.generate({ ...request, prompt: `Lighthouse ${i}` })).status);
      await sleep(50);
    }
    await stopped;
    for (let i = 60; i < 70; i++) statuses.push((await service.generate({ ...request, prompt: `No. ${i}` })).status);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(await service.apis[0]?.exited).toBe(0);
  });
});

test.skipIf(!nginx)("under a path of another site, Location and links have the path", async () => {
  const more = blocks.get("/etc/nginx/conf.d/darkroom.conf") ?? "";
  expect(more).toContain("location /darkroom/");
  const { generate, base, headers, close } = await openBehindNginx({ path: "/darkroom", more });
  onTestFinished(close);
  const accepted = await generate(request, { headers: { prefer: "respond-async" } });
  const location = new URL(accepted.headers.get("location") ?? "", base);
  expect(location.pathname).toMatch(/^\/darkroom\/v1\/generations\/gen_/);
  const read = await fetch(location, { headers: { ...headers, prefer: "wait=20" } });
  const generation = generationSchema.parse(await read.json());
  expect(await measureLink(generation.response?.data[0]?.url ?? "")).toMatchObject({ size: "256x256" });
});
