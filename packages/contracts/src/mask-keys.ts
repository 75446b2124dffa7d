/** Our own keys. The first 18 characters of one are no secret. */
const ours = String.raw`(sk-darkroom-[\w-]{6})[\w-]{8,}`;

/**
 * Keys of OpenAI and its likes. No word boundary: `%20sk-…`, `x_sk-…` and, in JSON, `\nsk-…` are keys, too. Directly behind a letter it
 * may be an English word (`task-force-of-seventeen-people`), which has no long piece without hyphens and with a digit. That piece is looked
 * for among the next 64 characters only, so that a text full of beginnings takes no longer.
 */
const begins = String.raw`(?:(?<![A-Za-z])|(?<=%[0-9A-Fa-f]{2}|\\[bfnrt]|\\u[0-9A-Fa-f]{4}))`;
const others = String.raw`${begins}(sk-)[\w-]{16,}`;
const withinWord = String.raw`(sk-)(?=[\w-]{0,64}?(?=[A-Za-z]{0,15}\d)[A-Za-z0-9]{16})[\w-]{16,}`;

/** Webhook secrets, in the form of the Standard Webhooks specification. */
const webhook = String.raw`(whsec_)[\w+/=-]{8,}`;

const keyLike = new RegExp([ours, others, withinWord, webhook].join("|"), "g");

/** Cuts out of a text whatever looks like a key. Callers put keys into paths, parameters and prompts, and texts are repeated. */
export const maskKeys = (text: string): string =>
  text.replace(keyLike, (_key, ...groups: (string | undefined)[]) => {
    const shown = groups.slice(0, 4).find((group) => group !== undefined);
    return `${shown}…`;
  });
