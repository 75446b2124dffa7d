import { expect, test } from "vitest";
import { apiKey, startApi } from "../../api.fixture.ts";
import { askAdmin, makeKey } from "./admin.fixture.ts";

test("the admin reads the counters as Prometheus does, and no key or tenant is in them", async () => {
  const api = await startApi();
  const { key } = await makeKey(api, { tenant: "tenant-of-this-test" });
  await api.call("/v1/nowhere", { key });
  await expect
    .poll(async () => (await askAdmin(api, "GET", "/metrics")).text())
    .toContain('darkroom_refused_requests_total{code="not_found"} 1\n');

  const answer = await askAdmin(api, "GET", "/metrics");
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, api.metrics.contentType]);
  const text = await answer.text();
  for (const secret of [key, apiKey, "tenant-of-this-test"]) expect(text).not.toContain(secret);
});
