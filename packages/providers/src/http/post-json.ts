import { retryAfterMs } from "@darkroom/outbound";
import { ProviderError } from "../provider-error.ts";
import { exchange, type ExchangeLimits, type JsonPost, type OpenAnswer } from "./exchange.ts";
import { readBody } from "./read-body.ts";

/** What the upstream answered: a parsed body and success, or a refusal whose body may be anything. */
export type JsonAnswer = { ok: true; body: unknown; requestId: string | undefined } | ({ ok: false } & UpstreamRefusal);

export type UpstreamRefusal = {
  status: number;
  /** The parsed body, undefined where it was not JSON. */
  body: unknown;
  retryAfterMs: number | undefined;
  requestId: string | undefined;
};

/**
 * Posts JSON once and reads the JSON that comes back. A redirect counts as a refusal.
 * Throws as `exchange` does, and `ProviderError` when a success cannot be read.
 */
export const postJson = (post: JsonPost, limits: ExchangeLimits): Promise<JsonAnswer> =>
  exchange(post, limits, "application/json", (answer) => readJsonAnswer(answer, limits));

export async function readJsonAnswer(
  { status, headers, body }: OpenAnswer,
  { maxBytes, now }: Pick<ExchangeLimits, "maxBytes" | "now">,
): Promise<JsonAnswer> {
  const bytes = await readBody(body, maxBytes);
  const requestId = headers["x-request-id"];
  const parsed = parseJson(bytes);
  if (status < 200 || status > 299) {
    return { ok: false, status, body: parsed, retryAfterMs: retryAfterMs(headers, now()), requestId };
  }
  if (parsed === undefined) {
    throw new ProviderError({
      code: "upstream_error",
      message: "The provider reported success but its answer could not be read, so the request was not sent again.",
      retryable: false,
      mayHaveCharged: true,
      upstreamStatus: status,
      detail: `not JSON: ${bytes.length} bytes of ${headers["content-type"] ?? "no content type"}`,
    });
  }
  return { ok: true, body: parsed, requestId };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
