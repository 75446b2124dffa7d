import type { ApiConfig } from "./config.ts";

/** What is needed to take a webhook with a request. */
export type WebhookSettings = {
  /** What the secrets of the API keys are made from; undefined: there are no webhooks here. */
  signingSecret: string | undefined;
  allowPrivate: boolean;
  allowInsecure: boolean;
};

type WebhookConfig = Pick<ApiConfig, "WEBHOOK_SIGNING_SECRET" | "WEBHOOK_ALLOW_PRIVATE" | "WEBHOOK_ALLOW_INSECURE">;

/** The part of the configuration that webhooks are taken by. */
export const webhookSettings = (config: WebhookConfig): WebhookSettings => ({
  signingSecret: config.WEBHOOK_SIGNING_SECRET,
  allowPrivate: config.WEBHOOK_ALLOW_PRIVATE,
  allowInsecure: config.WEBHOOK_ALLOW_INSECURE,
});
