import { errorBodySchema } from "@darkroom/contracts";
import { beforeAll, describe, expect, test } from "vitest";
import { apiKey, keepApi, type KeptApi } from "../../api.fixture.ts";
import { good, headersOf, withField } from "./refusal.fixture.ts";

const gpt1 = (field: object) => withField({ model: "gpt-image-1", ...field });

describe("accepted", () => {
  let api: KeptApi;
  beforeAll(async () => {
    api = await keepApi({ syncTimeoutMs: 1 });
    return api.close;
  });

  /** It went as far as waiting for a worker that is not there. */
  const accepted = { status: 504, code: "timeout_error" };

  test.each<{ it: string; body: unknown; headers?: Record<string, string> }>([
    { it: "an emoji prompt at the limit", body: withField({ prompt: "🐈".repeat(1_000) }) },
    { it: "the longest emoji prompt", body: gpt1({ prompt: "🐈".repeat(32_000) }) },
    {
      it: "null for every optional field",
      body: { ...good, n: null, size: null, style: null, seed: null, job: null, user: null, response_format: null },
    },
    { it: "no model", body: { prompt: "a cat" } },
    { it: "the reference's PNG with compression", body: gpt1({ output_format: "png", output_compression: 85 }) },
    { it: "a safety identifier", body: withField({ safety_identifier: "s-1", user: "u-1" }) },
    { it: "a charset", body: good, headers: { "content-type": "application/json; charset=utf-8" } },
    { it: "a byte order mark", body: `\ufeff${JSON.stringify(good)}` },
    { it: "a scheme in small letters", body: good, headers: { authorization: `bearer ${apiKey}` } },
  ])("$it", async ({ body, headers }) => {
    const answer = await api.post(body, { headers: Object.fromEntries(headersOf(headers)) });
    const { error } = errorBodySchema.parse(await answer.json());
    expect({ status: answer.status, code: error.code }).toEqual(accepted);
  });
});
