import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { createdApiKeySchema } from "@darkroom/contracts";
import { freePort, startFakeArk, startFakeOpenAi, temporaryFolder } from "@darkroom/testing";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { startStack } from "../stack.ts";
import { startWebhookReceiver } from "../webhook-receiver.ts";
import { createRecordingCaller } from "./recording-caller.ts";

/** A model of the sandbox, whose prompts script it, beside those of the fake upstreams. */
const models = {
  models: {
    scripted: {
      provider: "sandbox",
      maxImages: 4,
      sizes: { values: ["64x64"], default: "64x64" },
      prices: { perImageMicros: { any: { any: 10_000 } } },
    },
  },
};

/** The secrets of the operator, each random and each of the form that it has in life. */
const operatorSecrets = () => ({
  "the admin key": newApiKey(),
  "the OpenAI key": newApiKey().replace("darkroom", "proj"),
  "the Ark key": crypto.randomUUID(),
  "the gateway's key": newApiKey().slice(12),
  "the link signing secret": newApiKey().slice(12),
  "the webhook master": `${newApiKey()}${newApiKey()}`.replaceAll("sk-darkroom-", ""),
  "the webhook master before it": `${newApiKey()}${newApiKey()}`.replaceAll("sk-darkroom-", ""),
  "the S3 secret": newApiKey().slice(12),
});

/** A whole service with all the secrets that it can have, and whatever leaves it written down. */
export async function startExposedStack() {
  const secrets: Record<string, string> = {};
  const own = operatorSecrets();
  Object.assign(secrets, own);
  const [openai, ark, receiver] = await Promise.all([startFakeOpenAi(), startFakeArk(), startWebhookReceiver()]);
  onTestFinished(async () => {
    await Promise.all([openai.close(), ark.close(), receiver.close()]);
  });
  const modelsFile = join(await temporaryFolder(), "models.json");
  await writeFile(modelsFile, JSON.stringify(models));
  const images = await temporaryFolder();
  const workerPort = String(await freePort());
  const environment = {
    MODELS_FILE: modelsFile,
    STORAGE_DIRECTORY: images,
    LINK_SIGNING_SECRET: own["the link signing secret"],
    S3_SECRET_ACCESS_KEY: own["the S3 secret"],
    OPENAI_API_KEY: own["the OpenAI key"],
    OPENAI_BASE_URL: openai.baseUrl,
    OPENAI_EXTRA_HEADERS: JSON.stringify({ "x-gateway-key": own["the gateway's key"] }),
    ARK_API_KEY: own["the Ark key"],
    ARK_BASE_URL: ark.baseUrl,
    PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true",
    ADMIN_KEY_SHA256: hashApiKey(own["the admin key"]),
    WEBHOOK_SIGNING_SECRET: own["the webhook master"],
    WEBHOOK_PREVIOUS_SIGNING_SECRET: own["the webhook master before it"],
    WEBHOOK_ALLOW_PRIVATE: "true",
    WEBHOOK_ALLOW_INSECURE: "true",
    WORKER_LANES: "openai.interactive=4,volcengine.interactive=4,sandbox.interactive=1",
    SYNC_TIMEOUT_MS: "7000",
    WORKER_PORT: workerPort,
  };
  const stack = await startStack({ apis: 2, environment });
  secrets["the key of API_KEYS"] = stack.apiKey;

  const caller = createRecordingCaller();
  const admin = own["the admin key"];
  const ask = (path: string, body?: object, tellsSecret = false) =>
    caller.call(stack.origin, path, { key: admin, tellsSecret, ...(body !== undefined && { body }) });

  return {
    ...stack,
    secrets,
    own,
    openai,
    ark,
    receiver,
    images,
    caller,
    workerOrigin: `http://127.0.0.1:${workerPort}`,
    /** Asks as the admin. */
    ask,
    /** Makes a key, and notes it as a secret. */
    makeKey: async (name: string, settings: object = {}) => {
      const answer = await ask("/admin/keys", { tenant: "acme", name, ...settings }, true);
      const { id, key } = createdApiKeySchema.parse(JSON.parse(answer.body.toString()));
      secrets[`the key ${name}`] = key;
      return { id, key };
    },
    /** Rotates a key, and notes the new one. */
    rotateKey: async (id: string, graceSeconds: number) => {
      const answer = await ask(`/admin/keys/${id}/rotate`, { grace_seconds: graceSeconds }, true);
      const { key } = createdApiKeySchema.parse(JSON.parse(answer.body.toString()));
      secrets[`the rotated key of ${id} (${graceSeconds} s)`] = key;
      return key;
    },
    /** The secret of a key's webhooks, from an answer that may tell it. */
    noteWebhookSecret: (name: string, body: Buffer): void => {
      secrets[name] = z.object({ secret: z.string() }).parse(JSON.parse(body.toString())).secret;
    },
  };
}

export type ExposedStack = Awaited<ReturnType<typeof startExposedStack>>;
