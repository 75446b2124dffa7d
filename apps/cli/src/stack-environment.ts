import { join } from "node:path";
import { hashApiKey } from "@darkroom/accounts";
import type { Environment } from "@darkroom/runtime";
import { apiKeyEntry, type LocalSecrets } from "./local-secrets.ts";

/** What api and worker get to end in order, the images that are being drawn included. The rest is taken up at the next start. */
const shutdownDeadlineMs = 8_000;

export type StackEnvironmentOptions = {
  /** What we were started with: provider keys, and any setting that overrides ours. */
  environment: Environment;
  stateDirectory: string;
  redisUrl: string;
  secrets: LocalSecrets;
  /** Where the api is reached; links to images begin with it. */
  origin: string;
};

/**
 * The settings by which the api and the worker find each other. What a person has set for themselves stays as it is, and where they have
 * named a file with a secret, ours gives way to it: a secret that is set twice is refused.
 */
export function stackEnvironment(options: StackEnvironmentOptions): NodeJS.ProcessEnv {
  const { environment, stateDirectory, redisUrl, secrets, origin } = options;
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const ours = {
    LOG_LEVEL: "info",
    STORAGE: "filesystem",
    STORAGE_DIRECTORY: join(stateDirectory, "images"),
    PUBLIC_BASE_URL: origin,
    LINK_SIGNING_SECRET: secrets.linkSigningSecret,
    WEBHOOK_SIGNING_SECRET: secrets.webhookSigningSecret,
    ADMIN_KEY_SHA256: hashApiKey(secrets.adminKey),
    // On a local stack, receivers of webhooks run on the same machine.
    WEBHOOK_ALLOW_PRIVATE: "true",
    WEBHOOK_ALLOW_INSECURE: "true",
    SANDBOX_FALLBACK: "true",
    // A Redis of the user may have other settings; for a try-out a warning is enough.
    REDIS_REQUIRE_NOEVICTION: "false",
    SHUTDOWN_DEADLINE_MS: String(shutdownDeadlineMs),
    // No balancer has to notice that it stops.
    SHUTDOWN_DELAY_MS: "0",
  };
  return {
    ...Object.fromEntries(Object.entries(ours).filter(([name]) => set[`${name}_FILE`] === undefined)),
    ...set,
    // The address was read from this file, if it was set.
    REDIS_URL_FILE: undefined,
    REDIS_URL: redisUrl,
    API_KEYS: [apiKeyEntry(secrets.apiKey), set["API_KEYS"]].filter(Boolean).join(","),
  };
}
