export { batchEvent } from "./batch-event.ts";
export { generationEvent } from "./generation-event.ts";
export { postWebhook, type WebhookAnswer, type WebhookPost } from "./post-webhook.ts";
export { webhookEnvSchema } from "./webhook-env-schema.ts";
export { createWebhookHttp, type WebhookHttp, type WebhookHttpOptions } from "./webhook-http.ts";
export { webhookSchedule } from "./webhook-schedule.ts";
export { webhookSecret } from "./webhook-secret.ts";
