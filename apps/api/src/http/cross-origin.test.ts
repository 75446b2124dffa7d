import { describe, expect, test } from "vitest";
import { adminKey, type StartApiOptions, startApi } from "../api.fixture.ts";
import { delivering } from "../worker.fixture.ts";

const page = "https://app.example.com";
const withPage: StartApiOptions = { corsOrigins: [page] };

const preflight = (origin: string) => ({
  method: "OPTIONS",
  headers: {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-stainless-os",
  },
});
const corsHeaders = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith("access-control-") || name === "vary"));
const readable = { "access-control-allow-origin": page, "access-control-expose-headers": "*" };

describe("a page of an origin that may call", () => {
  test("is told by a preflight what it may send, without a key", async () => {
    const api = await startApi(withPage);
    for (const path of ["/v1/images/generations", "/v1/nowhere"]) {
      const answer = await fetch(`${api.baseUrl}${path}`, preflight(page));
      expect({ path, status: answer.status, ...corsHeaders(answer) }).toEqual({
        path,
        status: 204,
        ...readable,
        vary: "Origin",
        "access-control-allow-methods": "GET, HEAD, POST, PATCH, DELETE",
        "access-control-allow-headers": "authorization,content-type,x-stainless-os",
        "access-control-max-age": "7200",
      });
    }
  });

  test("may read an image, a stream, a refusal and what is behind a link", async () => {
    const api = await startApi(withPage);
    await api.work(
      delivering(async (key) => api.store.put(key, Buffer.from("image"), { contentType: "image/png" }), 5),
    );
    const headers = { origin: page };
    const image = await api.generate({ prompt: "a cat" }, { headers });
    expect(corsHeaders(image)).toEqual({ ...readable, vary: "Prefer, Origin" });
    const stream = await api.generate({ prompt: "a cat", stream: true }, { headers });
    expect(await stream.text()).toContain("image_generation.completed");
    const link = new URL((await image.json()).data[0].url);
    for (const answer of [
      stream,
      await fetch(`${api.baseUrl}${link.pathname}${link.search}`, { headers }),
      await fetch(`${api.baseUrl}/v1/models`, { headers }),
      await fetch(`${api.baseUrl}/v1/nowhere`, { headers }),
    ]) {
      expect(corsHeaders(answer)).toMatchObject(readable);
    }
  });
});

test("a page of another origin is told nothing", async () => {
  const api = await startApi(withPage);
  const asked = await fetch(`${api.baseUrl}/v1/images/generations`, preflight("https://elsewhere.example"));
  expect([asked.status, corsHeaders(asked)]).toEqual([405, { vary: "Origin" }]);
  const answer = await api.call("/v1/models", { headers: { origin: "https://elsewhere.example" } });
  expect([answer.status, corsHeaders(answer)]).toEqual([200, { vary: "Origin" }]);
});

test("an OPTIONS that is no preflight, or is for nothing that there is, is answered as where CORS is off", async () => {
  const api = await startApi(withPage);
  const plain = { method: "OPTIONS", headers: { origin: page } };
  for (const [path, init, status] of [
    ["/v1/models", plain, 405],
    ["/v1/nowhere", plain, 404],
    ["/v1/nowhere", preflight("https://elsewhere.example"), 404],
  ] as const) {
    const answer = await fetch(`${api.baseUrl}${path}`, init);
    expect([answer.status, Object.keys(await answer.json())]).toEqual([status, ["error"]]);
  }
});

test("every page may call where * is configured", async () => {
  const api = await startApi({ corsOrigins: ["*"] });
  const answer = await api.call("/v1/models", { headers: { origin: "https://elsewhere.example" } });
  expect(corsHeaders(answer)).toMatchObject({ "access-control-allow-origin": "https://elsewhere.example" });
});

test("nothing is said of origins where none is configured", async () => {
  const api = await startApi();
  const asked = await fetch(`${api.baseUrl}/v1/images/generations`, preflight(page));
  expect([asked.status, corsHeaders(asked)]).toEqual([405, {}]);
  expect(corsHeaders(await api.call("/v1/models", { headers: { origin: page } }))).toEqual({});
});

test("no page may call the routes for the admin key, in whichever spelling", async () => {
  const api = await startApi({ corsOrigins: ["*"] });
  for (const path of ["/admin/keys", "/%61dmin/keys", "/metrics"]) {
    const asked = await fetch(`${api.baseUrl}${path}`, preflight(page));
    expect([path, asked.status, corsHeaders(asked)]).toEqual([path, 405, { vary: "Origin" }]);
    const headers = { origin: page, authorization: `Bearer ${adminKey}` };
    const answer = await fetch(`${api.baseUrl}${path}`, { headers });
    expect([path, answer.status, corsHeaders(answer)]).toEqual([path, 200, { vary: "Origin" }]);
  }
});
