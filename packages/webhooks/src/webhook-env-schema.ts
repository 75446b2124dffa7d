import { secretSetting } from "@darkroom/runtime";
import { z } from "zod";

/** A secret shorter than the keys that are made from it would be the weakest part. */
const masterSecret = z.string().min(32, "must have at least 32 characters").optional();

/** The environment variables of every process that takes or posts webhooks. */
export const webhookEnvSchema = z.object({
  WEBHOOK_SIGNING_SECRET: secretSetting(
    masterSecret.describe(
      "The secret from which each API key's webhook secret is derived, 32 characters or more. Unset: `job.webhook` is refused.",
    ),
  ),
  WEBHOOK_PREVIOUS_SIGNING_SECRET: secretSetting(
    masterSecret.describe("The previous secret. While it is set, webhooks carry a signature of each."),
  ),
  WEBHOOK_ALLOW_PRIVATE: z
    .stringbool("must be true or false")
    .default(false)
    .describe("`true`: webhooks may go to addresses of our own network. For a local stack only."),
  WEBHOOK_ALLOW_INSECURE: z
    .stringbool("must be true or false")
    .default(false)
    .describe("`true`: webhooks may go over plain http. For a local stack only."),
});

/** What `openWebhookWorker` wants of the settings. */
export function webhookWorkerSettings(settings: z.output<typeof webhookEnvSchema>) {
  const { WEBHOOK_SIGNING_SECRET, WEBHOOK_PREVIOUS_SIGNING_SECRET } = settings;
  return {
    signingSecrets: [WEBHOOK_SIGNING_SECRET, WEBHOOK_PREVIOUS_SIGNING_SECRET].filter((secret) => secret !== undefined),
    allowPrivate: settings.WEBHOOK_ALLOW_PRIVATE,
    allowInsecure: settings.WEBHOOK_ALLOW_INSECURE,
  };
}
