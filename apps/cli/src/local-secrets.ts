import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { z } from "zod";
import { Problem } from "./problem.ts";

const secretsSchema = z.object({
  apiKey: z.string().min(1),
  /** Opens `/admin`. Checkouts from before there was one get it at their next start. */
  adminKey: z.string().min(1).default(newApiKey),
  linkSigningSecret: z.string().min(32),
  webhookSigningSecret: z.string().min(32),
});

export type LocalSecrets = z.infer<typeof secretsSchema>;

/** The keys and the signing secrets of this checkout: made once, then kept, so that keys and links outlive a restart. */
export function localSecrets(stateDirectory: string): LocalSecrets {
  const file = join(stateDirectory, "secrets.json");
  const secrets = existsSync(file) ? read(file) : newSecrets();
  // Renamed when it is whole: a half-written file would be a damaged one.
  const whole = `${file}.new`;
  writeFileSync(whole, JSON.stringify(secrets, null, 2), { mode: 0o600 });
  renameSync(whole, file);
  return secrets;
}

function newSecrets(): LocalSecrets {
  return {
    apiKey: newApiKey(),
    adminKey: newApiKey(),
    linkSigningSecret: randomBytes(32).toString("base64url"),
    webhookSigningSecret: randomBytes(32).toString("base64url"),
  };
}

/** The `tenant:name:hash` entry by which the api knows the key without being told it. */
export function apiKeyEntry(apiKey: string): string {
  return `local:start:${hashApiKey(apiKey)}`;
}

function read(file: string): LocalSecrets {
  try {
    return secretsSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) {
      throw new Problem(`${file} is damaged. Delete it, and a new API key is made at the next start.`);
    }
    throw error;
  }
}
