import { createHmac } from "node:crypto";

/** As many characters as the key that comes out has bytes. A shorter one would be the weakest part. */
const leastMasterLength = 32;

/**
 * The secret that an API key's webhooks are signed with, in the form of the Standard Webhooks specification: `whsec_` and the base64
 * of 32 bytes, which are HMAC-SHA256 of the key's id under the operator's master secret. So there is nothing to store: the same
 * master and id give the same secret, and one key's does not reveal another's.
 *
 * To change one key's secret, raise its version: the key's id is derived with it. To change the master, sign with the secrets of both for a while (`postWebhook` takes several). Throws where the master is too short.
 */
export function webhookSecret(master: string, keyId: string, version = 1): string {
  if (master.length < leastMasterLength) {
    throw new Error(`The master secret of webhooks must have at least ${leastMasterLength} characters.`);
  }
  return `whsec_${createHmac("sha256", master).update(`darkroom webhook secret v${version}:${keyId}`).digest("base64")}`;
}
