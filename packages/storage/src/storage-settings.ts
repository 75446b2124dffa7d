import { type Environment, readSettings, secretSetting, SettingsError } from "@darkroom/runtime";
import { z } from "zod";
import type { FilesystemStoreSettings } from "./filesystem/filesystem-store.ts";
import type { MemoryStoreSettings } from "./memory/memory-store.ts";
import type { S3Settings } from "./s3/s3-settings.ts";

export type ObjectStoreSettings =
  | ({ storage: "s3" } & S3Settings)
  | ({ storage: "filesystem" } & FilesystemStoreSettings)
  | ({ storage: "memory" } & MemoryStoreSettings);

const text = z.string().optional();
const signingSecret = z.string().min(32, "must have at least 32 characters").optional();

function endsInPath(address: string): boolean {
  const parsed = URL.parse(address);
  return parsed === null || [parsed.username, parsed.password, parsed.search, parsed.hash].every((part) => part === "");
}

const url = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .refine(endsInPath, "must have no user, query or fragment: paths are put behind it")
  .optional();

/** The environment variables of every app that stores or reads images. An empty variable counts as not set. */
export const storageEnvSchema = z.object({
  STORAGE: z
    .enum(["s3", "filesystem", "memory"])
    .default("s3")
    .describe("Where images are kept. `filesystem` is for one machine, `memory` for tests."),
  S3_BUCKET: text.describe("The bucket. Required with STORAGE=s3."),
  S3_REGION: text.describe(
    "The bucket's region. Required with STORAGE=s3; self-hosted servers mostly take `us-east-1`.",
  ),
  S3_ENDPOINT: url.describe("The server's URL, without the bucket. Unset: AWS."),
  S3_PUBLIC_ENDPOINT: url.describe("The server's URL as callers reach it, where it differs. Links are signed for it."),
  S3_PUBLIC_BASE_URL: url.describe(
    "Links are this URL and the object's key, unsigned: for a public bucket or a CDN. Only `_images/` may be public.",
  ),
  S3_PREFIX: text
    .refine((prefix) => /^[A-Za-z0-9._/-]*$/.test(prefix ?? ""), "must have only A-Z, a-z, 0-9, '.', '_', '-' and '/'")
    .describe("Put before every object's key: `darkroom/prod`."),
  S3_ACCESS_KEY_ID: secretSetting(
    text.describe("With S3_SECRET_ACCESS_KEY. Neither set: the AWS SDK's own chain (profile, role)."),
  ),
  S3_SECRET_ACCESS_KEY: secretSetting(text.describe("With S3_ACCESS_KEY_ID.")),
  S3_FORCE_PATH_STYLE: z
    .stringbool()
    .default(false)
    .describe(
      "`true`: `https://host/bucket/key` instead of `https://bucket.host/key`. Most self-hosted servers need it.",
    ),
  S3_CHECKSUMS: z
    .enum(["WHEN_SUPPORTED", "WHEN_REQUIRED"])
    .default("WHEN_REQUIRED")
    .describe("`WHEN_SUPPORTED` sends the SDK's trailing checksums, which some servers refuse."),
  S3_CREATE_BUCKET: z.stringbool().default(false).describe("`true`: a missing bucket is made at start."),
  STORAGE_DIRECTORY: text.describe("The folder of STORAGE=filesystem, which requires it. Made when missing."),
  PUBLIC_BASE_URL: url.describe(
    "The URL under which callers reach the API, with the path that a proxy removes. Links begin with it, and `Location` with its path. Required with STORAGE=filesystem and memory.",
  ),
  LINK_SIGNING_SECRET: secretSetting(
    signingSecret.describe(
      "Signs links to images, 32 characters or more. Required with STORAGE=filesystem and memory; the same for all processes.",
    ),
  ),
  LINK_PREVIOUS_SIGNING_SECRET: secretSetting(
    signingSecret.describe(
      "The previous secret. While it is set, links that were signed with it work until they expire, after seven days at most.",
    ),
  ),
});

type StorageEnv = z.output<typeof storageEnvSchema>;

/** Reads the store's settings out of an environment. Throws one `SettingsError` that names every variable that is missing or wrong. */
export function objectStoreSettings(environment: Environment): ObjectStoreSettings {
  const data = readSettings(storageEnvSchema, environment);
  if (data.STORAGE === "s3") return { storage: "s3", ...s3Settings(data) };
  if (data.STORAGE === "filesystem") {
    assertSet(data, ["STORAGE_DIRECTORY", "PUBLIC_BASE_URL", "LINK_SIGNING_SECRET"]);
    return { storage: "filesystem", directory: data.STORAGE_DIRECTORY, links: linkSettings(data) };
  }
  assertSet(data, ["PUBLIC_BASE_URL", "LINK_SIGNING_SECRET"]);
  return { storage: "memory", links: linkSettings(data) };
}

function s3Settings(env: StorageEnv): S3Settings {
  const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = env;
  const credentials =
    accessKeyId !== undefined && secretAccessKey !== undefined ? { accessKeyId, secretAccessKey } : undefined;
  assertSamePath(env.S3_PUBLIC_ENDPOINT, env.S3_ENDPOINT);
  const anyKey = accessKeyId ?? secretAccessKey;
  const bothKeys = anyKey === undefined ? [] : (["S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"] as const);
  assertSet(env, ["S3_BUCKET", "S3_REGION", ...bothKeys]);
  return {
    bucket: env.S3_BUCKET,
    region: env.S3_REGION,
    endpoint: env.S3_ENDPOINT,
    publicEndpoint: env.S3_PUBLIC_ENDPOINT,
    publicBaseUrl: env.S3_PUBLIC_BASE_URL,
    prefix: env.S3_PREFIX,
    credentials,
    forcePathStyle: env.S3_FORCE_PATH_STYLE,
    checksums: env.S3_CHECKSUMS,
    createBucket: env.S3_CREATE_BUCKET,
  };
}

const linkSettings = (env: StorageEnv & { PUBLIC_BASE_URL: string; LINK_SIGNING_SECRET: string }) => ({
  publicBaseUrl: env.PUBLIC_BASE_URL,
  signingSecret: env.LINK_SIGNING_SECRET,
  previousSigningSecret: env.LINK_PREVIOUS_SIGNING_SECRET,
});

/** The path is part of what is signed, so a link holds only under the path that the server itself sees. */
function assertSamePath(publicEndpoint: string | undefined, endpoint: string | undefined): void {
  if (publicEndpoint === undefined || pathOf(publicEndpoint) === pathOf(endpoint)) return;
  const reason = "links are signed with their path, and a proxy that changes it breaks every signature";
  throw new SettingsError([`S3_PUBLIC_ENDPOINT: must have the path of S3_ENDPOINT, mostly none: ${reason}`]);
}

const pathOf = (endpoint: string | undefined): string =>
  endpoint === undefined ? "" : new URL(endpoint).pathname.replace(/\/+$/, "");

/** Throws one error that names every variable of these that is not set. */
function assertSet<K extends keyof StorageEnv>(
  env: StorageEnv,
  names: readonly K[],
): asserts env is StorageEnv & { [N in K]-?: NonNullable<StorageEnv[N]> } {
  const missing = names.filter((name) => env[name] === undefined);
  if (missing.length > 0)
    throw new SettingsError(missing.map((name) => `${name}: is required with STORAGE=${env.STORAGE}`));
}
