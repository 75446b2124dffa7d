import { newGenerationId } from "@darkroom/contracts";
import { beforeAll, describe, expect, test } from "vitest";
import { keepApi, otherApiKey, type KeptApi } from "../../api.fixture.ts";
import { generationIn, request } from "../../generation.fixture.ts";

let api: KeptApi;
let id: string;
beforeAll(async () => {
  api = await keepApi();
  id = (await generationIn(await api.generate(request, { headers: { prefer: "respond-async" } }))).id;
  return api.close;
});

const routes = [
  ["GET", ""],
  ["GET", "?response_format=b64_json"],
  ["POST", "/cancel"],
  ["POST", "/retry"],
  ["GET", "/events"],
] as const;

const ids: [string, () => string][] = [
  ["another tenant's", () => id],
  ["an unknown", () => newGenerationId(Date.now())],
  ["a malformed", () => "gen_1"],
  ["a nasty", () => "..%2F..%2Fgen_1%00"],
  ["a long", () => "g".repeat(500)],
];

describe.each(routes)("%s /v1/generations/{id}%s", (method, rest) => {
  test.each(ids)("404 for %s id", async (_whose, theirs) => {
    const answer = await api.call(`/v1/generations/${theirs()}${rest}`, { method, key: otherApiKey });
    expect(answer.status).toBe(404);
    const { error } = await answer.json();
    expect(error).toMatchObject({ code: "not_found", type: "invalid_request_error", param: null });
    expect(answer.headers.has("x-generation-id")).toBe(false);
    expect((await api.queue.generations.read(id))?.status).toBe("queued");
  });

  test("another tenant's and an unknown id are told the same", async () => {
    const tell = async (theirs: string) =>
      (await api.call(`/v1/generations/${theirs}${rest}`, { method, key: otherApiKey })).text();
    expect(await tell(id)).toBe(await tell(newGenerationId(Date.now())));
  });

  test("401 without a key", async () => {
    const answer = await fetch(`${api.baseUrl}/v1/generations/${id}${rest}`, { method });
    expect(answer.status).toBe(401);
  });
});

test("another tenant's are in no list, and no place to go on from", async () => {
  const list = await api.call("/v1/generations", { key: otherApiKey });
  expect(await list.json()).toMatchObject({ data: [], has_more: false });
  for (const name of ["after", "before"]) {
    const answer = await api.call(`/v1/generations?${name}=${id}`, { key: otherApiKey });
    expect(answer.status).toBe(400);
  }
});
