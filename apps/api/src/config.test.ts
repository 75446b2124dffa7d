import { expect, test } from "vitest";
import { apiEnvSchema, readConfig } from "./config.ts";

const needed = {
  STORAGE: "memory",
  PUBLIC_BASE_URL: "http://127.0.0.1:4000",
  LINK_SIGNING_SECRET: "a secret of thirty-two characters",
};

test("everything but the store has a default", () => {
  const { INSTANCE, ...config } = readConfig(needed);
  expect(config).toMatchObject({
    HOST: "127.0.0.1",
    PORT: 4_000,
    REDIS_URL: "redis://127.0.0.1:6379",
    QUEUE_PREFIX: "darkroom",
    SYNC_TIMEOUT_MS: 600_000,
    LINK_TTL_SECONDS: 86_400,
    SHUTDOWN_DEADLINE_MS: 25_000,
    SHUTDOWN_DELAY_MS: 5_000,
    TRUST_PROXY: false,
    LOG_LEVEL: "info",
    storage: { storage: "memory" },
  });
  expect(INSTANCE).not.toBe(readConfig(needed).INSTANCE);
});

test("all mistakes are told at once, by name, without the values", () => {
  const wrong = {
    ...needed,
    PORT: "http",
    LINK_TTL_SECONDS: "60",
    LINK_SIGNING_SECRET: "short",
    REDIS_URL: "secret@redis",
  };
  const read = () => readConfig(wrong);
  expect(read).toThrow("PORT: must be a whole number from 0 to 65535");
  expect(read).toThrow("LINK_TTL_SECONDS: must be a whole number from 3600 to 604800");
  expect(read).toThrow("LINK_SIGNING_SECRET: must have at least 32 characters");
  expect(read).toThrow("REDIS_URL: must look like redis://");
  expect(read).not.toThrow(/secret@redis|short/);
});

test("the prefix of Redis keys may be in braces, as a whole and without any within", () => {
  const read = (prefix: string) => readConfig({ ...needed, QUEUE_PREFIX: prefix }).QUEUE_PREFIX;
  expect(read("{darkroom-2}")).toBe("{darkroom-2}");
  for (const wrong of ["{darkroom", "darkroom}", "{}", "{a}b", "{{a}}", "a:b"]) {
    expect(() => read(wrong)).toThrow("QUEUE_PREFIX: must be 1 to 32 of a-z, 0-9 and '-'");
  }
});

test("the hash of the admin key is 64 hex digits, in either case, and nothing else is repeated", () => {
  const hash = "0123456789abcdef".repeat(4);
  expect(readConfig({ ...needed, ADMIN_KEY_SHA256: hash.toUpperCase() }).ADMIN_KEY_SHA256).toBe(hash);
  const read = () => readConfig({ ...needed, ADMIN_KEY_SHA256: "sk-the-key-itself" });
  expect(read).toThrow("ADMIN_KEY_SHA256: must be the SHA-256 of the admin key");
  expect(read).not.toThrow(/itself/);
});

test("the delay of a stop is a part of its deadline, and not the whole", () => {
  const read = (more: Record<string, string>) => readConfig({ ...needed, ...more }).SHUTDOWN_DELAY_MS;
  expect(read({ SHUTDOWN_DEADLINE_MS: "60000", SHUTDOWN_DELAY_MS: "30000" })).toBe(30_000);
  expect(read({ SHUTDOWN_DEADLINE_MS: "1000" })).toBe(200);
  const refusal = "SHUTDOWN_DELAY_MS: must be at most half of SHUTDOWN_DEADLINE_MS";
  expect(() => read({ SHUTDOWN_DELAY_MS: "20000" })).toThrow(refusal);
});

test("a store that lacks a setting names it", () => {
  expect(() => readConfig({ STORAGE: "s3" })).toThrow(/S3_BUCKET: is required[^]*S3_REGION: is required/);
});

test.each([
  ["", []],
  ["*", ["*"]],
  ["https://app.example.com, http://localhost:3000", ["https://app.example.com", "http://localhost:3000"]],
])("CORS_ORIGINS=%s", (text, origins) => {
  expect(readConfig({ ...needed, CORS_ORIGINS: text }).CORS_ORIGINS).toEqual(origins);
});

test.each(["https://app.example.com/", "app.example.com", "https://App.example.com", "https://a.example,", "null"])(
  "CORS_ORIGINS=%s is no origin",
  (text) => {
    const read = () => readConfig({ ...needed, CORS_ORIGINS: text });
    expect(read).toThrow("CORS_ORIGINS: must be origins like https://app.example.com");
  },
);

test.each([
  ["true", true],
  ["false", false],
  ["10.0.0.0/8, 127.0.0.1", ["10.0.0.0/8", "127.0.0.1"]],
])("TRUST_PROXY=%s", (text, trusted) => {
  expect(readConfig({ ...needed, TRUST_PROXY: text }).TRUST_PROXY).toEqual(trusted);
});

test.each(Object.entries(apiEnvSchema.shape))("%s says what it is for", (_name, schema) => {
  expect(schema.description).toMatch(/\.$/);
});
