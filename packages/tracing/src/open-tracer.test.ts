import { once } from "node:events";
import { createServer } from "node:http";
import { createCloseList, readSettings } from "@darkroom/runtime";
import { expect, onTestFinished, test } from "vitest";
import { createTracing } from "./create-tracing.ts";
import { tracingEnvSchema } from "./tracing-env-schema.ts";

test("a warning says why the collector has not taken spans of an export that it accepted", async () => {
  const collector = createServer((request, response) => {
    request.resume().once("end", () => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ partialSuccess: { rejectedSpans: "1", errorMessage: "The quota is used up." } }));
    });
  });
  await once(collector.listen(0, "127.0.0.1"), "listening");
  const address = collector.address();
  const port = typeof address === "object" ? address?.port : undefined;
  onTestFinished(() => collector.close().closeAllConnections());
  const settings = readSettings(tracingEnvSchema, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  });
  const warnings: string[] = [];
  const silent = () => {};
  const warn = (fields: object) => void warnings.push("err" in fields ? String(fields.err) : "");
  const log = { debug: silent, info: silent, error: silent, warn };
  const closes = createCloseList(log);
  const tracer = await createTracing({ settings, service: "test", instance: "one", shutdownMs: 60_000 }).open({
    log,
    closes,
  });
  tracer.start({ name: "rejected" }).end();
  await closes.closeAll();
  expect(warnings).toEqual([expect.stringContaining("The quota is used up.")]);
});
