import { errorBodySchema } from "@darkroom/contracts";
import type { TestApi } from "./api.fixture.ts";
import { makeKey } from "./routes/admin/admin.fixture.ts";

/** Dall-e-2 has one price for a size: 20,000 micros for this one. */
export const imageMicros = 20_000;
const pricedRequest = { prompt: "a cat", model: "dall-e-2", size: "1024x1024" } as const;

/** A key of `acme` with limits or a budget, and how to use it. A second instance knows it when it is started afterwards. */
export async function openLimitedKey(api: TestApi, body: { limits?: object; budget?: object; name?: string }) {
  const { key, id } = await makeKey(api, body);
  return {
    key,
    id,
    /** Asks for one image, or for what `more` says, and does not wait for it. */
    ask: (more: object = {}, headers: Record<string, string> = {}, at = api): Promise<Response> =>
      at.post(
        { ...pricedRequest, ...more },
        { headers: { authorization: `Bearer ${key}`, prefer: "respond-async", ...headers } },
      ),
    call: (path: string, init: { method?: string; headers?: Record<string, string> } = {}) =>
      api.call(path, { ...init, key }),
  };
}

/** What an answer says of a refusal; of another answer its status alone. */
export async function outcomeOf(answer: Response) {
  const { status, headers } = answer;
  const body: unknown = await answer.json();
  if (status < 400) return { status };
  const { error } = errorBodySchema.strict().parse(body);
  return {
    status,
    code: error.code,
    message: error.message,
    shouldRetry: headers.get("x-should-retry"),
    retryAfter: headers.get("retry-after"),
  };
}
