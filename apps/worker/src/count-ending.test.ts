import { createMetrics } from "@darkroom/runtime";
import { expect, test } from "vitest";
import { createCountEnding } from "./count-ending.ts";

test("an ending without a bill is counted where the provider may have charged", async () => {
  const metrics = createMetrics({ ofProcess: false });
  const count = createCountEnding({ metrics });
  const record = { model: "m", tenant: "acme", keyId: "key_a" };
  count(record, { bill: null, unbilled: false });
  count(record, { bill: null, unbilled: true });
  const text = await metrics.render();
  expect(text).toContain('darkroom_unbilled_generations_total{model="m"} 1\n');
  expect(text).toContain('darkroom_unbilled_generations_by_key_total{tenant="acme",key_id="key_a"} 1\n');
  expect(text).not.toContain("billed_micros_total{");
});
