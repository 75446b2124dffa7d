import { type Prices, pricesSchema } from "@darkroom/models";
import { z } from "zod";

/** Where a secret is: never in the file itself, which people copy and commit. */
const secretSourceSchema = z.union([
  z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
  z.strictObject({ file: z.string().min(1) }),
]);
export type SecretSource = z.infer<typeof secretSourceSchema>;

/** A message about a value of such a field must not repeat it: it may be a key that an operator put into the wrong place. */
const secret = z.custom<SecretSource>((value) => secretSourceSchema.safeParse(value).success, {
  error: "expected { env: NAME } or { file: PATH }",
});
const headerValueSchema = z.union([z.string().regex(/^[\t\x20-\x7E]*$/), secretSourceSchema]);
const headerValue = z.custom<z.infer<typeof headerValueSchema>>((value) => headerValueSchema.safeParse(value).success, {
  error: "expected a text, { env: NAME } or { file: PATH }",
});
const headerName = z.string().regex(/^[\w-]+$/, { error: "expected a header's name: letters, digits, - and _" });
/** A base URL with a user has a password, too. */
const baseUrl = z.custom<string>((value) => typeof value === "string" && isBaseUrl(value), {
  error: "expected an http or https URL without user and fragment",
});

function isBaseUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return false;
  return url.username === "" && url.password === "" && url.hash === "";
}

/** More than any account has; the sum of a minute stays exact in Lua. */
const perMinute = z.int().min(1).max(1_000_000);
/** One script looks at all deployments of a model: 32 with limits by the minute take it about a millisecond of Redis, and three a tenth. */
const maxDeployments = 32;

export const deploymentSchema = z.strictObject({
  /** Names it in metrics, logs and records. No two deployments share a name. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, {
    error: "expected a name: lower-case letters, digits and -, at most 63 characters",
  }),
  /** An adapter's name in `packages/providers`. */
  provider: z.string(),
  baseUrl: baseUrl.optional(),
  apiKey: secret.optional(),
  headers: z.record(headerName, headerValue).default({}),
  /** The upstream's id of the model, where it is not the one of the catalogue. */
  model: z.string().min(1).max(256).optional(),
  /** The deployments with the lowest number are used first, the next where those have no room. */
  priority: z.int().min(1).max(100).default(1),
  /** Its part of the calls among those of one priority. */
  weight: z.int().min(1).max(1_000).default(1),
  /** Limits of the upstream, in any minute and at a time. Absent: none. All workers together keep them. */
  requestsPerMinute: perMinute.optional(),
  imagesPerMinute: perMinute.optional(),
  concurrency: z.int().min(1).max(100_000).optional(),
  /** What it charges the operator. Absent: what the catalogue says. */
  providerPrices: pricesSchema.optional(),
});

/** One upstream of a model. */
export type Deployment = Omit<z.output<typeof deploymentSchema>, "providerPrices"> & {
  providerPrices?: Prices | undefined;
};

export const deploymentsFileSchema = z.strictObject({
  models: z.record(
    z.string(),
    z.strictObject({
      /** Whether an image that one deployment may have charged for is asked of another one. */
      buyAgainInDoubt: z.boolean().default(false),
      deployments: z.array(deploymentSchema).min(1).max(maxDeployments),
    }),
  ),
});
