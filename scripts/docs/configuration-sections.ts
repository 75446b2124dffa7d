import { apiEnvSchema } from "../../apps/api/src/config.ts";
import { clientEnvSchema, stackEnvSchema } from "../../apps/cli/src/config.ts";
import { workerEnvSchema } from "../../apps/worker/src/config.ts";
import { logEnvSchema } from "../../packages/runtime/src/logger.ts";
import { modelsEnvSchema } from "../../packages/models/src/index.ts";
import { providerSettingsSchemas } from "../../packages/providers/src/index.ts";
import { queueEnvSchema } from "../../packages/generations/src/queue-env-schema.ts";
import { renderingEnvSchema } from "../../packages/generations/src/view/rendering-env-schema.ts";
import { storageEnvSchema } from "../../packages/storage/src/index.ts";
import { tracingEnvSchema } from "../../packages/tracing/src/tracing-env-schema.ts";
import { webhookEnvSchema } from "../../packages/webhooks/src/webhook-env-schema.ts";

/** As much of a zod object as the tables need. */
type Settings = {
  shape: Record<
    string,
    { description?: string | undefined; safeParse(value: unknown): { data?: unknown; success: boolean } }
  >;
};

export type ConfigurationSection = { title: string; settings: Settings };

const { http, ...providers } = providerSettingsSchemas;
if (http === undefined) throw new Error("The providers' settings have no section `http` any more.");

/** Every environment variable that a process of Darkroom reads, by who reads it, straight from the schemas that it is read with. */
export const configurationSections: readonly ConfigurationSection[] = [
  { title: "api and worker: the queue", settings: queueEnvSchema },
  { title: "api and worker: images", settings: storageEnvSchema },
  { title: "api and worker: models", settings: modelsEnvSchema },
  { title: "api and worker: links to images", settings: renderingEnvSchema },
  { title: "api and worker: webhooks", settings: webhookEnvSchema },
  { title: "api and worker: the log", settings: logEnvSchema },
  { title: "api and worker: traces", settings: tracingEnvSchema },
  { title: "api", settings: apiEnvSchema },
  { title: "worker", settings: workerEnvSchema },
  { title: "worker: calls to providers", settings: http },
  ...Object.entries(providers).map(([name, settings]) => ({ title: `worker: the provider ${name}`, settings })),
  { title: "npm start", settings: stackEnvSchema },
  { title: "darkroom: the commands that use a service", settings: clientEnvSchema },
];
