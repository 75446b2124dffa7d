import type { z } from "zod";
import type { ImageChecker } from "./check-image.ts";
import type { HttpClient } from "./http/http-client.ts";
import type { ImageProvider } from "./image-provider.ts";

/** What an adapter is given from outside. */
export type ProviderDeps = {
  http: HttpClient;
  /** Checks every image that an upstream sends. */
  images: ImageChecker;
  /** Told of each call to the sandbox as it begins, so that a test can count them. */
  onSandboxCall?: ((call: SandboxCall) => void) | undefined;
};

export type SandboxCall = { generationId: string; model: string; indexes: readonly number[] };

/** What a provider's folder exports: how it is named, what it wants to be told, and how it is made. */
export type ProviderDefinition<S extends z.ZodObject = z.ZodObject> = {
  /** As the catalogue's models name it. */
  readonly name: string;
  /** Over environment variable names, each with a `.describe()`: the configuration table is made of these. */
  readonly settingsSchema: S;
  /** Whether the settings suffice to call the upstream. */
  isConfigured(settings: z.output<S>): boolean;
  create(settings: z.output<S>, deps: ProviderDeps): ImageProvider;
};
