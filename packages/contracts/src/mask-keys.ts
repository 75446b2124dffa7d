/**
 * What keys and webhook secrets look like: ours, of which the first 18 characters are no secret, those of OpenAI and its likes, and
 * the form of the Standard Webhooks specification. Ours is seen in the middle of a word, too: `Bearer%20sk-…`.
 */
const keyLike = /(sk-darkroom-[\w-]{6})[\w-]{8,}|\b(sk-)[\w-]{16,}|(whsec_)[\w+/=-]{8,}/g;

/** Cuts out of a text whatever looks like a key. Callers put keys into paths, parameters and prompts, and texts are repeated. */
export const maskKeys = (text: string): string =>
  text.replace(keyLike, (_key, ours?: string, others?: string, webhook?: string) => `${ours ?? others ?? webhook}…`);
