import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectWorker } from "@darkroom/redis";
import { describeWithS3, startFakeOpenAi, temporaryFolder, s3Environment } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createBatch, numberedLines } from "./batches.ts";
import { type HttpFault, startFaultyHttp } from "./faulty-http.ts";
import { startStack } from "./stack.ts";
import { watchProcesses } from "./watch-processes.ts";

const watchMs = 2_000;
/** Some ten generations and a batch fail, several times each, and every sweep does. */
const mostLines = 120;
/** Two fifths of a core. */
const mostCpuMs = 800;

const later = { prefer: "respond-async" };
const xml = (code: string) => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;

describeWithS3("while something that a worker needs is out of order", (s3) => {
  test("processes are quiet and idle, and go on when that is over", async () => {
    const openai = await startFakeOpenAi();
    const [store, upstream] = await Promise.all([startFaultyHttp(s3.endpoint), startFaultyHttp(openai.origin)]);
    onTestFinished(async () => {
      await Promise.all([openai.close(), store.close(), upstream.close()]);
    });
    const noLookups = join(await temporaryFolder(), "no-lookups");
    const stack = await startStack({
      redisName: "redis.switched",
      environment: {
        NODE_OPTIONS: `--import ${new URL("lookup-switch.mjs", import.meta.url).href}`,
        LOOKUPS_FAIL_WHILE: noLookups,
        LOG_LEVEL: "info",
        OPENAI_API_KEY: "sk-upstream",
        OPENAI_BASE_URL: `http://upstream.switched:${upstream.port}/v1`,
        ...s3Environment(s3, { prefix: `outages-${Date.now()}`, endpoint: `http://store.switched:${store.port}` }),
        LEDGER_EXPORT_INTERVAL_MS: "200",
        RECOVERY_INTERVAL_MS: "200",
        WEBHOOK_SIGNING_SECRET: "a secret for webhooks, long enough to be one",
        WEBHOOK_ALLOW_PRIVATE: "true",
        WEBHOOK_ALLOW_INSECURE: "true",
      },
    });
    const admin = connectWorker(stack.redis.url, () => {});
    onTestFinished(() => admin.disconnect());
    const client = stack.openai({ maxRetries: 0, timeout: 5_000 });
    const submit = (headers: Record<string, string> = {}) => {
      const job = { webhook: "http://receiver.switched:1/hook" };
      const init = {
        headers: { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json", ...headers },
      };
      return stack
        .generate(
          { model: "dall-e-2", size: "256x256", prompt: "a cat", job },
          { ...init, signal: AbortSignal.timeout(10_000) },
        )
        .then(({ status }) => status)
        .catch(() => 0);
    };
    const services = [...stack.apis, ...stack.workers];
    const answering = (server: typeof store, fault: HttpFault) => ({
      begin: async () => server.answerWith(fault),
      felt: server.refused,
      end: async () => server.answerWith(null),
    });
    /** `felt`: how often something of ours has met it. */
    type Outage = { begin: () => Promise<unknown>; felt: () => number; end: () => Promise<unknown> };
    const outages: Record<string, Outage> = {
      "the store answers 403": answering(store, { status: 403, body: xml("AccessDenied") }),
      "the store answers 503": answering(store, { status: 503, body: xml("SlowDown") }),
      "the store answers nothing": answering(store, "silence"),
      "the store hangs up": answering(store, "hang up"),
      "the upstream answers 500": answering(upstream, { status: 500, body: "{}" }),
      "the upstream answers 401": answering(upstream, { status: 401, body: "{}" }),
      "the upstream answers 429": answering(upstream, { status: 429, body: "{}" }),
      "the upstream answers nothing": answering(upstream, "silence"),
      "the upstream hangs up": answering(upstream, "hang up"),
      "no name resolves": {
        async begin() {
          await writeFile(noLookups, "");
          store.answerWith(null);
          upstream.answerWith(null);
          await Promise.all(["normal", "pubsub"].map((type) => admin.call("CLIENT", "KILL", "TYPE", type)));
        },
        felt: () => services.flatMap(({ lines }) => lines).filter((line) => line.includes("EAI_AGAIN")).length,
        end: () => rm(noLookups),
      },
    };

    for (const [outage, { begin, felt, end }] of Object.entries(outages)) {
      await createBatch(client, numberedLines(3));
      const feltBefore = felt();
      await begin();
      await Promise.all(Array.from({ length: 5 }, () => submit(later)));
      const watched = await watchProcesses(services, watchMs);
      for (const [i, { lines, cpuMs }] of watched.entries()) {
        const what = `${["api", "worker"][i]} while ${outage}`;
        expect(lines.length, `${what}: ${lines.slice(0, 30).join("\n")}`).toBeLessThan(mostLines);
        expect(cpuMs, `CPU time of ${what}`).toBeLessThan(mostCpuMs);
      }
      await expect.poll(felt, { message: `what met that ${outage}` }).toBeGreaterThan(feltBefore);
      await end();
      await expect.poll(() => submit(), { message: `after ${outage}` }).toBe(200);
    }
  });
});
