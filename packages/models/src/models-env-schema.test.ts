import { readSettings } from "@darkroom/runtime";
import { expect, test } from "vitest";
import { configuredCatalogue, modelsEnvSchema } from "./models-env-schema.ts";

const read = (environment: Record<string, string>) => readSettings(modelsEnvSchema, environment);

test("undescribed models are refused, and retired ones asked for, unless the operator says otherwise", () => {
  const catalogue = configuredCatalogue(read({}));
  expect(catalogue.find("gpt-image-3")).toBeUndefined();
  expect(catalogue.find("dall-e-3")).toMatchObject({ upstream: { model: "dall-e-3" } });
});

test("RETIRED_MODELS and UNKNOWN_MODELS reach the catalogue", () => {
  const catalogue = configuredCatalogue(read({ RETIRED_MODELS: "successor", UNKNOWN_MODELS: "like:gpt-image-2" }));
  expect(catalogue.find("gpt-image-3")).toMatchObject({ id: "gpt-image-3", provider: "openai" });
  expect(catalogue.find("dall-e-3")).toMatchObject({ upstream: { successor: "gpt-image-2.5-flare" } });
});

test("a word that is none of these is refused", () => {
  expect(() => read({ UNKNOWN_MODELS: "like:" })).toThrow("UNKNOWN_MODELS: must be refuse, or like:<model>");
  expect(() => read({ UNKNOWN_MODELS: "pass" })).toThrow("UNKNOWN_MODELS: must be refuse, or like:<model>");
  expect(() => read({ RETIRED_MODELS: "refuse" })).toThrow("RETIRED_MODELS: ");
});
