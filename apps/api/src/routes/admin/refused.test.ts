import { errorBodySchema } from "@darkroom/contracts";
import { beforeAll, describe, expect, test } from "vitest";
import { adminKey, apiKey, keepApi, startApi, type KeptApi } from "../../api.fixture.ts";
import { askAdmin, makeKey } from "./admin.fixture.ts";

const good = { tenant: "acme", name: "new" };

let api: KeptApi;
let id: string;
beforeAll(async () => {
  api = await keepApi();
  ({ id } = await makeKey(api));
  await makeKey(api, { name: "taken" });
  return api.close;
});

/** What a refusal says, after a check that it has the shape of all refusals. */
async function refusal(answer: Response) {
  const { error } = errorBodySchema.strict().parse(await answer.json());
  expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
  expect(answer.headers.get("x-should-retry")).toBe("false");
  for (const key of [adminKey, apiKey]) expect(error.message).not.toContain(key);
  return { status: answer.status, code: error.code, param: error.param, message: error.message };
}

describe("400", () => {
  test.each([
    ["POST", "", {}, "tenant", "Missing required parameter: 'tenant'."],
    ["POST", "", undefined, "tenant", "Missing required parameter: 'tenant'."],
    ["POST", "", [], null, "The body must be a JSON object, but it is an array."],
    ["POST", "", { tenant: "acme" }, "name", "Missing required parameter: 'name'."],
    ["POST", "", { ...good, tenant: "a:b" }, "tenant", "letters, digits"],
    ["POST", "", { ...good, name: "" }, "name", "letters, digits"],
    ["POST", "", { ...good, key: "sk-mine" }, "key", "Unknown parameter: 'key'."],
    ["POST", "", { ...good, models: [] }, "models", "it must name at least one model; null allows all"],
    ["POST", "", { ...good, models: ["dall-e-2", "dall-e-9"] }, "models.1", "'dall-e-9' is not served here"],
    ["POST", "", { ...good, models: "dall-e-2" }, "models", "expected an array"],
    ["POST", "", { ...good, limits: { images_per_minute: 0 } }, "limits.images_per_minute", "below the minimum"],
    ["POST", "", { ...good, limits: { per_day: 1 } }, "limits.per_day", "Unknown parameter"],
    ["POST", "", { ...good, budget: { day: 0.5 } }, "budget.day", "expected an integer"],
    ["POST", "", { ...good, budget: { day: -1 } }, "budget.day", "below the minimum"],
    ["POST", "", { ...good, expires_at: 1_600_000_000 }, "expires_at", "is in the past"],
    ["POST", "", { ...good, expires_at: 4_000_000_000_000 }, "expires_at", "above the maximum"],
    ["PATCH", "/ID", { tenant: "other" }, "tenant", "Unknown parameter: 'tenant'."],
    ["PATCH", "/ID", { name: null }, "name", "expected a string"],
    ["PATCH", "/ID", { status: "expired" }, "status", "Supported values are: 'active', 'disabled'."],
    ["PATCH", "/ID", { models: ["dall-e-9"] }, "models.0", "is not served here"],
    ["PATCH", "/ID", { expires_at: 1 }, "expires_at", "is in the past"],
    ["POST", "/ID/rotate", { grace_seconds: -1 }, "grace_seconds", "below the minimum"],
    ["POST", "/ID/rotate", { grace_seconds: 2_592_001 }, "grace_seconds", "above the maximum"],
    ["POST", "/ID/rotate", { grace: 1 }, "grace", "Unknown parameter"],
    ["GET", "?after=key_0", undefined, "after", "there is no key of this id"],
    ["GET", "?limit=101", undefined, "limit", "above the maximum"],
    ["GET", "?status=active", undefined, "status", "Unknown parameter"],
  ] as const)("%s /admin/keys%s with %j", async (method, path, body, param, message) => {
    const answer = await askAdmin(api, method, `/admin/keys${path.replace("ID", id)}`, body);
    expect(await refusal(answer)).toEqual({
      status: 400,
      code: "invalid_request_error",
      param,
      message: expect.stringContaining(message),
    });
  });
});

const routes = [
  ["GET", "/admin/keys"],
  ["POST", "/admin/keys"],
  ["GET", "/admin/keys/ID"],
  ["PATCH", "/admin/keys/ID"],
  ["DELETE", "/admin/keys/ID"],
  ["POST", "/admin/keys/ID/rotate"],
  ["POST", "/admin/keys/ID/webhook-secret/rotate"],
  ["GET", "/metrics"],
  ["GET", "/admin/lanes"],
  ["GET", "/admin/lanes/openai.interactive/jobs"],
  ["POST", "/admin/lanes/openai.interactive/pause"],
  ["POST", "/admin/lanes/openai.interactive/drain"],
  ["POST", "/admin/lanes/openai.interactive/resume"],
  ["GET", "/admin/processes"],
  ["POST", "/admin/processes/worker-1/drain"],
  ["GET", "/admin/generations"],
  ["GET", "/admin/generations/gen_1"],
  ["POST", "/admin/generations/cancel"],
  ["POST", "/admin/generations/retry"],
  ["GET", "/admin/webhooks/deliveries"],
] as const;

describe.each(routes)("%s %s", (method, path) => {
  const ask = (key: string | null) =>
    fetch(`${api.baseUrl}${path.replace("ID", id)}`, {
      method,
      ...(key !== null && { headers: { authorization: `Bearer ${key}` } }),
    });

  test("401 without a key and with a wrong one", async () => {
    for (const key of [null, "sk-wrong"]) {
      const answer = await ask(key);
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
      expect(await refusal(answer)).toMatchObject({ status: 401, code: "invalid_api_key" });
    }
  });

  test("403 with a tenant's key", async () => {
    expect(await refusal(await ask(apiKey))).toEqual({
      status: 403,
      code: "permission_denied",
      param: null,
      message: "This key may not use this route: only the admin key may.",
    });
  });

  test.runIf(path.includes("ID/") || path.endsWith("ID"))("404 for a key that is not there", async () => {
    const webhooks = await startApi({
      webhooks: { signingSecret: "a master secret of at least thirty-two characters" },
    });
    const answer = await askAdmin(webhooks, method, path.replace("ID", "key_0"), method === "PATCH" ? {} : undefined);
    expect(await refusal(answer)).toMatchObject({
      status: 404,
      code: "not_found",
      message: expect.stringContaining("There is no key with this id."),
    });
  });
});

test("405 for a method that a route does not have", async () => {
  for (const [path, allow] of [
    ["/admin/keys", "GET, HEAD, POST"],
    [`/admin/keys/${id}/rotate`, "POST"],
  ] as const) {
    const answer = await askAdmin(api, "PUT", path, {});
    expect(answer.headers.get("allow")?.split(", ").toSorted().join(", ")).toBe(allow);
    expect(await refusal(answer)).toMatchObject({ status: 405, code: "method_not_allowed" });
  }
});

test("409 for a name that the tenant has in use", async () => {
  for (const answer of [
    await askAdmin(api, "POST", "/admin/keys", { tenant: "acme", name: "taken" }),
    await askAdmin(api, "PATCH", `/admin/keys/${id}`, { name: "taken" }),
  ]) {
    expect(await refusal(answer)).toMatchObject({ status: 409, code: "conflict", param: "name" });
  }
});

test("403 for the admin key on every route of /v1", async () => {
  for (const [method, path] of [
    ["GET", "/v1/models"],
    ["GET", "/v1/generations"],
    ["POST", "/v1/images/generations"],
  ] as const) {
    expect(await refusal(await askAdmin(api, method, path))).toMatchObject({
      status: 403,
      code: "permission_denied",
      message: expect.stringContaining("POST /admin/keys makes one"),
    });
  }
});

test("503 while Redis is away, and nothing is made", async () => {
  const away = await startApi({ behindProxy: true });
  away.redisLine.cut();
  const answer = await askAdmin(away, "POST", "/admin/keys", good);
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("1");
  // The keys that were known still open.
  expect((await away.call("/v1/models")).status).toBe(200);
});
