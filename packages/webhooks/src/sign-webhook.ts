import { Webhook } from "standardwebhooks";

export type WebhookMessage = {
  /** The same for every attempt at one event: receivers tell repetitions by it. */
  id: string;
  /** When this attempt is made. Receivers refuse what is more than five minutes off, so each attempt has its own. */
  sentAtMs: number;
  body: string;
};

/**
 * The three headers of the Standard Webhooks specification. The library signs with one secret at a time; the specification joins the
 * signatures of several by spaces, and a receiver that knows any of them is content. Throws where there is no secret.
 */
export function signWebhook({ id, sentAtMs, body }: WebhookMessage, secrets: readonly string[]) {
  if (secrets.length === 0) throw new Error("A webhook needs a secret to be signed with.");
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(sentAtMs / 1000)),
    "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, new Date(sentAtMs), body)).join(" "),
  };
}
