import { randomBytes } from "node:crypto";
import { billUndelivered } from "@darkroom/accounts";
import { modelsEnvSchema } from "@darkroom/models";
import { logEnvSchema, type Environment, readSettings, secretSetting, wholeNumber } from "@darkroom/runtime";
import { renderingEnvSchema, queueEnvSchema } from "@darkroom/generations";
import { type ObjectStoreSettings, objectStoreSettings, storageEnvSchema } from "@darkroom/storage";
import { tracingEnvSchema } from "@darkroom/tracing";
import { webhookEnvSchema } from "@darkroom/webhooks";
import { z } from "zod";
import { connectionsWithin, openFileLimit } from "./limits/connection-limits.ts";
import { responseFormats } from "./generation/response-format.ts";

/** As a browser spells it in the header `Origin`, to which it is compared. */
const isOrigin = (text: string): boolean => text === "*" || URL.parse(text)?.origin === text;

/** The API's own environment variables; those of queue, storage and logging are their packages'. */
export const apiEnvSchema = z.object({
  HOST: z
    .string()
    .default("127.0.0.1")
    .describe("The address to listen on. `0.0.0.0` in a container; by default only this machine can call."),
  PORT: wholeNumber(0, 65_535).default(4000).describe("The port to listen on. 0: any free one, which the log names."),
  API_KEYS: z
    .string()
    .optional()
    .describe(
      "Who may call: `tenant:name:sha256-of-the-key`, separated by commas. This or API_KEYS_FILE, or both; with ADMIN_KEY_SHA256 neither is needed.",
    ),
  API_KEYS_FILE: z.string().optional().describe("A file with such entries, one a line, `#` for comments."),
  ADMIN_KEY_SHA256: secretSetting(
    z
      .string()
      .regex(/^[0-9a-f]{64}$/i, "must be the SHA-256 of the admin key: 64 hex digits")
      .toLowerCase()
      .optional()
      .describe("The SHA-256 of the key that opens `/admin/*`, in hex. Unset: there is no `/admin`."),
  ),
  QUEUE_BOARD: z
    .stringbool("must be true or false")
    .default(true)
    .describe(
      "Whether `/admin/queues` shows the lanes as BullMQ has them, in a browser, to the admin key alone. It changes nothing, and costs nothing while nobody looks.",
    ),
  DEFAULT_RESPONSE_FORMAT: z
    .enum(responseFormats)
    .default("both")
    .describe(
      "What a GPT image model answers with when the caller sends no `response_format`: `both` is base64, which OpenAI's clients read, with a link beside it.",
    ),
  BILL_UNDELIVERED: z
    .enum(billUndelivered)
    .default("partials")
    .describe(
      "What a tenant is billed for a generation that delivers nothing though its provider may charge for it: `none`; `partials` is what was reserved, where its owner canceled it after partial images were shown; `reserved` is what was reserved, in any case. Its budget is charged what was reserved in every case.",
    ),
  REDIS_WAIT_REPLICAS: wholeNumber(0, 10)
    .default(0)
    .describe(
      "On how many replicas of Redis a submission must be before it is acknowledged, so that no failover loses one. 0: on none. Where fewer confirm it, the answer is a 503 and the generation is canceled.",
    ),
  REDIS_WAIT_TIMEOUT_MS: wholeNumber(10, 60_000)
    .default(1_000)
    .describe("How long replicas are waited for. In one network they take a millisecond."),
  SYNC_TIMEOUT_MS: wholeNumber(1_000, 3_600_000)
    .default(600_000)
    .describe("How long a caller waits for the answer before it gets a 504. The job goes on."),
  MAX_HELD_REQUESTS: wholeNumber(1, 1_000_000)
    .default(4_000)
    .describe(
      "Load shedding: the requests that a process holds at a time (callers that wait for images, streams, long polls). More get a 503 with `Retry-After` before anything is bought.",
    ),
  MAX_HELD_REQUESTS_PER_KEY: wholeNumber(1, 1_000_000)
    .optional()
    .describe(
      "How many of those one API key may have, where it has no limit `held_requests` of its own. More get a 429. Unset: half of MAX_HELD_REQUESTS.",
    ),
  MAX_HTTP_REQUESTS_PER_MINUTE: wholeNumber(1, 1_000_000_000)
    .default(60_000)
    .describe(
      "How many requests of any kind one API key may make in a minute, at all api processes together, where it has no limit `http_requests_per_minute` of its own. More get a 429. The default, a thousand a second, is for a client that submits a hundred images a second and asks for each of them every second until it is there.",
    ),
  MAX_STORED_FILES: wholeNumber(1, 1_000_000_000)
    .default(10_000)
    .describe(
      "How many uploaded files a tenant may have, where the key that uploads has no limit `stored_files` of its own. A file is kept for thirty days: ten thousand are thirteen new ones every hour.",
    ),
  MAX_STORED_BYTES: wholeNumber(1, 1_000_000_000_000_000)
    .default(100_000_000_000)
    .describe(
      "How many bytes these files may have together, where the key has no limit `stored_bytes`: 500 of the largest. Images and the output of batches do not count.",
    ),
  MAX_UNFINISHED_BATCH_LINES: wholeNumber(1, 1_000_000_000)
    .default(500_000)
    .describe(
      "How many lines of batches that have not ended a tenant may have, where the key has no limit `unfinished_batch_lines`: ten of the largest batches.",
    ),
  MAX_CONNECTIONS: wholeNumber(1, 1_000_000)
    .optional()
    .describe(
      "The connections that a process has open at a time. More are closed at once. Unset: half of the files that it may have open, and 20,000 at most.",
    ),
  TRUST_PROXY: z
    .string()
    .default("false")
    .transform((text) => (text === "true" || text === "false" ? text === "true" : text.split(/\s*,\s*/)))
    .describe(
      "The proxies whose `X-Forwarded-For` the log believes: `true` for all, or addresses and networks separated by commas. Set it behind a proxy: unauthenticated clients then never hold up the proxy's connections.",
    ),
  SCALING_HORIZON_SECONDS: wholeNumber(1, 3_600)
    .default(30)
    .describe(
      "Within which time jobs in line are to begin, for the metric `darkroom_workers_desired`: about as long as a new worker takes to start. A shorter time asks for more workers where images take less than that.",
    ),
  CORS_ORIGINS: z
    .string()
    .default("")
    .transform((text) => (text === "" ? [] : text.split(/\s*,\s*/)))
    .refine((origins) => origins.every(isOrigin), "must be origins like https://app.example.com, without a path, or *")
    .describe("The origins whose pages may call from a browser, separated by commas, or `*` for all. Unset: none."),
  SHUTDOWN_DEADLINE_MS: wholeNumber(1_000, 3_600_000)
    .default(25_000)
    .describe("How long a shutdown may take. It is below the 30 s after which Kubernetes kills."),
  SHUTDOWN_DELAY_MS: wholeNumber(0, 3_600_000)
    .optional()
    .describe(
      "How long requests are still accepted after SIGTERM, while `/readyz` answers 503: the time that your balancer needs to notice. It is part of SHUTDOWN_DEADLINE_MS, and at most half of it. Unset: a fifth of it, five seconds, enough for Kubernetes.",
    ),
  INSTANCE: z
    .string()
    .regex(/^[\w.-]+$/, "must have only letters, digits and . _ -")
    .default(() => randomBytes(6).toString("hex"))
    .describe("The name of this process. No two processes may share it. Unset: random."),
});

const schema = apiEnvSchema
  .extend(queueEnvSchema.shape)
  .extend(modelsEnvSchema.shape)
  .extend(renderingEnvSchema.shape)
  .extend(webhookEnvSchema.shape)
  .extend(logEnvSchema.shape)
  .extend(tracingEnvSchema.shape)
  .extend(storageEnvSchema.shape)
  .refine(({ SHUTDOWN_DELAY_MS = 0, SHUTDOWN_DEADLINE_MS }) => SHUTDOWN_DELAY_MS <= SHUTDOWN_DEADLINE_MS / 2, {
    path: ["SHUTDOWN_DELAY_MS"],
    error: "must be at most half of SHUTDOWN_DEADLINE_MS",
  });

export type ApiConfig = z.output<typeof schema> & {
  storage: ObjectStoreSettings;
  SHUTDOWN_DELAY_MS: number;
  MAX_HELD_REQUESTS_PER_KEY: number;
  MAX_CONNECTIONS: number;
};

/** The share of the shutdown time that balancers have to notice. */
const delayShare = 0.2;

/** Reads the API's configuration; throws an error that names every variable at fault. */
export function readConfig(environment: Environment = process.env): ApiConfig {
  const settings = readSettings(schema, environment);
  const { SHUTDOWN_DEADLINE_MS, SHUTDOWN_DELAY_MS = SHUTDOWN_DEADLINE_MS * delayShare } = settings;
  const { MAX_HELD_REQUESTS, MAX_HELD_REQUESTS_PER_KEY = Math.ceil(MAX_HELD_REQUESTS / 2) } = settings;
  const { MAX_CONNECTIONS = connectionsWithin(openFileLimit()) } = settings;
  return {
    ...settings,
    SHUTDOWN_DELAY_MS,
    MAX_HELD_REQUESTS_PER_KEY,
    MAX_CONNECTIONS,
    storage: objectStoreSettings(environment),
  };
}
