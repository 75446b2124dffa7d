import { createdApiKeySchema } from "@darkroom/contracts";
import { adminKey, type TestApi } from "../../api.fixture.ts";

/** Calls a route as the admin, with a JSON body where one is given. */
export const askAdmin = (api: TestApi, method: string, path: string, body?: unknown): Promise<Response> =>
  api.call(path, {
    key: adminKey,
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });

/** Makes a key by `POST /admin/keys`. */
export async function makeKey(api: TestApi, body: { tenant?: string; name?: string; [field: string]: unknown } = {}) {
  const answer = await askAdmin(api, "POST", "/admin/keys", { tenant: "acme", name: "ci", ...body });
  return createdApiKeySchema.strict().parse(await answer.json());
}
