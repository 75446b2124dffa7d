import { describe, expect, test } from "vitest";
import { objectStoreSettings, storageEnvSchema } from "./storage-settings.ts";

const secret = "0123456789abcdef0123456789abcdef";
const links = { PUBLIC_BASE_URL: "http://localhost:8080", LINK_SIGNING_SECRET: secret };

describe("complete settings", () => {
  test("of S3 are read with their defaults, and other variables are left alone", () => {
    expect(objectStoreSettings({ S3_BUCKET: "images", S3_REGION: "eu-west-1", S3_PREFIX: "", HOME: "/root" })).toEqual({
      storage: "s3",
      bucket: "images",
      region: "eu-west-1",
      forcePathStyle: false,
      checksums: "WHEN_REQUIRED",
      createBucket: false,
    });
  });

  test("of a self-hosted S3 are read", () => {
    const env = {
      S3_BUCKET: "images",
      S3_REGION: "us-east-1",
      S3_ENDPOINT: "http://s3:9000",
      S3_PUBLIC_ENDPOINT: "https://s3.example.com",
      S3_PREFIX: "darkroom/prod",
      S3_ACCESS_KEY_ID: "id",
      S3_SECRET_ACCESS_KEY: "secret",
      S3_FORCE_PATH_STYLE: "true",
      S3_CHECKSUMS: "WHEN_SUPPORTED",
      S3_CREATE_BUCKET: "true",
    };
    expect(objectStoreSettings(env)).toMatchObject({
      endpoint: "http://s3:9000",
      publicEndpoint: "https://s3.example.com",
      prefix: "darkroom/prod",
      credentials: { accessKeyId: "id", secretAccessKey: "secret" },
      forcePathStyle: true,
      checksums: "WHEN_SUPPORTED",
      createBucket: true,
    });
  });

  test("of an S3 that has its API under a path are read, when callers reach it under the same", () => {
    const env = {
      S3_BUCKET: "images",
      S3_REGION: "r",
      S3_ENDPOINT: "http://internal:8000/storage/v1/s3/",
      S3_PUBLIC_ENDPOINT: "https://project.example.com/storage/v1/s3",
    };
    expect(objectStoreSettings(env)).toMatchObject({ publicEndpoint: "https://project.example.com/storage/v1/s3" });
  });

  test("of a folder and of memory are read", () => {
    const read = { publicBaseUrl: "http://localhost:8080", signingSecret: secret };
    expect(objectStoreSettings({ STORAGE: "filesystem", STORAGE_DIRECTORY: "objects", ...links })).toEqual({
      storage: "filesystem",
      directory: "objects",
      links: read,
    });
    expect(objectStoreSettings({ STORAGE: "memory", ...links })).toEqual({ storage: "memory", links: read });
    const rotated = objectStoreSettings({ STORAGE: "memory", ...links, LINK_PREVIOUS_SIGNING_SECRET: "o".repeat(32) });
    expect(rotated).toMatchObject({ links: { ...read, previousSigningSecret: "o".repeat(32) } });
  });
});

describe("incomplete or wrong settings are refused, naming all of", () => {
  test.each([
    [{}, "S3_BUCKET: is required with STORAGE=s3\n  S3_REGION: is required with STORAGE=s3"],
    [{ S3_BUCKET: "b", S3_REGION: "r", S3_ACCESS_KEY_ID: "id" }, "S3_SECRET_ACCESS_KEY: is required with STORAGE=s3"],
    [
      { S3_REGION: "r", S3_SECRET_ACCESS_KEY: "x" },
      "S3_BUCKET: is required with STORAGE=s3\n  S3_ACCESS_KEY_ID: is required with STORAGE=s3",
    ],
    [
      { STORAGE: "filesystem" },
      "STORAGE_DIRECTORY: is required with STORAGE=filesystem\n  PUBLIC_BASE_URL: is required with STORAGE=filesystem\n  LINK_SIGNING_SECRET: is required with STORAGE=filesystem",
    ],
    [
      { STORAGE: "memory", PUBLIC_BASE_URL: "" },
      "PUBLIC_BASE_URL: is required with STORAGE=memory\n  LINK_SIGNING_SECRET: is required with STORAGE=memory",
    ],
    [{ STORAGE: "disk" }, "STORAGE: "],
    [
      { S3_ENDPOINT: "s3:9000", S3_CREATE_BUCKET: "maybe" },
      /S3_ENDPOINT: must be an http or https URL\n +S3_CREATE_BUCKET: /,
    ],
    [{ ...links, LINK_SIGNING_SECRET: "short" }, "LINK_SIGNING_SECRET: must have at least 32 characters"],
    [
      { S3_BUCKET: "b", S3_REGION: "r", S3_PUBLIC_ENDPOINT: "https://example.com/s3" },
      "S3_PUBLIC_ENDPOINT: must have the path of S3_ENDPOINT, mostly none: links are signed with their path",
    ],
    [{ STORAGE: "memory", ...links, PUBLIC_BASE_URL: "https://a.example/?b=c" }, "PUBLIC_BASE_URL: must have no user"],
    [{ S3_PUBLIC_BASE_URL: "https://cdn.example/#a" }, "S3_PUBLIC_BASE_URL: must have no user, query or fragment"],
    [{ S3_PREFIX: "über" }, "S3_PREFIX: must have only"],
  ])("%j", (env, message) => {
    expect(() => objectStoreSettings(env)).toThrow(message);
  });

  test("and never shows a secret", () => {
    expect(() => objectStoreSettings({ S3_SECRET_ACCESS_KEY: "hush", LINK_SIGNING_SECRET: "hush" })).not.toThrow(
      "hush",
    );
  });
});

test("every variable is described", () => {
  const fields = Object.entries(storageEnvSchema.shape);
  expect(fields).not.toHaveLength(0);
  expect(fields.filter(([, schema]) => !schema.description)).toEqual([]);
});
