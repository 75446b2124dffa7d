import { errorBodySchema } from "@darkroom/contracts";
import { beforeAll, describe, expect, test } from "vitest";
import { apiKey, keepApi, type KeptApi } from "../../api.fixture.ts";

/** One request that must be refused. Without `path` and `method` it is `POST /v1/images/generations` with a good key. */
export type Refusal = {
  it: string;
  method?: string;
  path?: string;
  headers?: Record<string, string | null>;
  body?: unknown;
  status: number;
  code: string;
  param?: string | null;
  /** The whole message, or a part of it. */
  message: string | RegExp;
};

export const good = { prompt: "a cat", model: "dall-e-2" };
export const withField = (field: object) => ({ ...good, ...field });

/** The headers of a good request, with some changed, or left out where they are null. */
export const headersOf = (given: Refusal["headers"]) => {
  const headers = new Headers({ authorization: `Bearer ${apiKey}`, "content-type": "application/json" });
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  return headers;
};

/** Sends each request of a table to one service and expects its refusal, whole: status, body and headers. */
export function testRefusals(name: string, table: readonly Refusal[]): void {
  describe(`refused: ${name}`, () => {
    let api: KeptApi;
    beforeAll(async () => {
      api = await keepApi();
      return api.close;
    });

    test.each(table)(
      "$status for $it",
      async ({ method = "POST", path = "/v1/images/generations", body, ...refusal }) => {
        const answer = await fetch(`${api.baseUrl}${path}`, {
          method,
          headers: headersOf(refusal.headers),
          ...(body !== undefined && {
            body: typeof body === "string" || body instanceof Buffer ? body : JSON.stringify(body),
          }),
        });
        const { error } = errorBodySchema.strict().parse(await answer.json());
        const { message } = refusal;
        expect({ status: answer.status, ...error }).toEqual({
          status: refusal.status,
          type: refusal.status === 401 ? "authentication_error" : "invalid_request_error",
          code: refusal.code,
          param: refusal.param ?? null,
          // A string is the whole message, a pattern is a part of it.
          message: typeof message === "string" ? message : (message.exec(error.message)?.input ?? String(message)),
        });
        expect(error.message).not.toContain(apiKey);
        expect(answer.headers.has("allow")).toBe(refusal.status === 405);
        expect(Object.fromEntries(answer.headers)).toMatchObject({
          "content-type": "application/json; charset=utf-8",
          "x-should-retry": "false",
          "x-request-id": expect.stringMatching(/^req_/),
          ...(refusal.status === 401 && { "www-authenticate": "Bearer" }),
        });
        expect(answer.headers.has("x-generation-id")).toBe(false);
        expect(api.queue.waits.size, "nothing was submitted").toBe(0);
      },
    );
  });
}
