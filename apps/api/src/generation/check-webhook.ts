import { ApiError } from "@darkroom/contracts";
import { assertPublicUrl, OutboundError } from "@darkroom/outbound";
import type { WebhookSettings } from "../webhook-settings.ts";

type Told = { job?: { webhook?: string | undefined; webhook_events?: readonly string[] | undefined } | undefined };

/** Throws `ApiError` where a request names a webhook that cannot be, or must not be, posted to. */
export async function checkWebhook({ job }: Told, settings: WebhookSettings): Promise<void> {
  if (job?.webhook === undefined) {
    if (job?.webhook_events === undefined) return;
    throw refuse("job.webhook_events", "'job.webhook_events' needs 'job.webhook': the address to tell.");
  }
  if (settings.signingSecret === undefined) {
    throw refuse("job.webhook", "Webhooks are not configured here, so 'job.webhook' cannot be used.");
  }
  try {
    await assertPublicUrl(job.webhook, settings);
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    // A name server may be down for now. The message is the same for each name, and mentions that.
    throw refuse("job.webhook", `Invalid 'job.webhook': ${error.message}`, error.isOfName);
  }
}

const refuse = (param: string, message: string, retryable = false) =>
  new ApiError("invalid_request_error", message, { param, retryable });
