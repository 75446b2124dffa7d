export { openWebhookWorker } from "./open-webhook-worker.ts";
export { type WebhookDelivery, webhookDeliveryStatuses } from "./webhook-delivery.ts";
export { webhookEnvSchema, webhookWorkerSettings } from "./webhook-env-schema.ts";
export { webhookSecret } from "./webhook-secret.ts";
export { createWebhookStore, type WebhookStore } from "./webhook-store.ts";
