import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createImageChecker } from "./check-image.ts";
import { createProviders, standIns } from "./create-providers.ts";
import { createHttpClient } from "./http/http-client.ts";
import { providerSettingsSchemas, readProviderSettings } from "./read-provider-settings.ts";
import * as registry from "./registry.ts";

const filesOf = (name: string) =>
  readdirSync(new URL(name, import.meta.url), { recursive: true })
    .map(String)
    .toSorted();

const make = (env: Record<string, string>, sandboxFallback: boolean) => {
  const settings = readProviderSettings(env);
  const warnings: object[] = [];
  const logger = { warn: (fields: object) => void warnings.push(fields) };
  const providers = createProviders({
    settings,
    deps: { http: createHttpClient(settings.http), images: createImageChecker() },
    sandboxFallback,
    logger,
  });
  return { providers, warnings };
};

test("every provider's folder holds the same files, and is called what the provider is called", () => {
  const names = Object.values(registry).map(({ name }) => name);
  expect(names.length).toBeGreaterThan(2);
  for (const name of names) expect([name, filesOf(name)]).toEqual([name, filesOf("openai")]);
});

test("every setting is described, and no two schemas claim the same variable", () => {
  const variables = Object.values(providerSettingsSchemas).flatMap(({ shape }) => Object.entries(shape));
  for (const [name, schema] of variables)
    expect([name, schema.description]).toEqual([name, expect.stringMatching(/\.$/)]);
  expect(new Set(variables.map(([name]) => name)).size).toBe(variables.length);
});

describe("reading the settings", () => {
  test("takes defaults for what is unset or empty", () => {
    const { http, providers } = readProviderSettings({ OPENAI_API_KEY: "", SANDBOX_DELAY_MS: "250", PATH: "/bin" });
    expect(http.PROVIDER_CONNECT_TIMEOUT_MS).toBe(10_000);
    expect(providers["openai"]).toEqual({ OPENAI_BASE_URL: "https://api.openai.com/v1" });
    expect(providers["sandbox"]).toMatchObject({ SANDBOX_DELAY_MS: 250 });
  });

  test("names every variable at fault and repeats no value", () => {
    const env = { OPENAI_BASE_URL: "ftp://secret", OPENAI_EXTRA_HEADERS: "{secret", SANDBOX_DELAY_MS: "soon" };
    expect(() => readProviderSettings(env)).toThrow(
      /OPENAI_BASE_URL: .*\n +OPENAI_EXTRA_HEADERS: .*\n +SANDBOX_DELAY_MS: /,
    );
    expect(() => readProviderSettings(env)).not.toThrow(/secret/);
  });
});

describe("making the providers", () => {
  test("leaves out those without a key", () => {
    const { providers } = make({ ARK_API_KEY: "k" }, false);
    expect(new Set(providers.keys())).toEqual(new Set(["sandbox", "volcengine"]));
    expect(standIns(providers)).toEqual([]);
  });

  test("puts the sandbox in their place where that is wanted, and says so", () => {
    const { providers, warnings } = make({ ARK_API_KEY: "k" }, true);
    expect(providers.get("openai")?.name).toBe("sandbox");
    expect(providers.get("volcengine")?.name).toBe("volcengine");
    expect(standIns(providers)).toContain("openai");
    expect(standIns(providers)).not.toContain("volcengine");
    expect(warnings).toContainEqual({ provider: "openai" });
  });
});
