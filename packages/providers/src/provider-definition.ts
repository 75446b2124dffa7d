import type { z } from "zod";
import type { ImageChecker } from "./check-image.ts";
import type { HttpClient } from "./http/http-client.ts";
import type { ImageProvider } from "./image-provider.ts";

/** What an adapter is given from outside. */
export type ProviderDeps = {
  http: HttpClient;
  /** Checks every image that an upstream sends. */
  images: ImageChecker;
  /** Wraps each adapter that is made: in spans of a trace, for example. `deployment` is the name of one that has a name of its own. */
  decorate?: ((provider: ImageProvider, deployment?: string) => ImageProvider) | undefined;
  /** Told of each call to the sandbox as it begins, so that a test can count them. */
  onSandboxCall?: ((call: SandboxCall) => void) | undefined;
};

export type SandboxCall = { generationId: string; model: string; indexes: readonly number[] };

/** What an operator says of an upstream in the deployments file. */
export type UpstreamAddress = {
  baseUrl?: string | undefined;
  apiKey?: string | undefined;
  /** Sent with every call. */
  headers?: Readonly<Record<string, string>> | undefined;
};

/** Why an upstream cannot be opened: `field` of its description is at fault, where one is. The message holds no secret. */
export class UpstreamFault extends Error {
  override readonly name = "UpstreamFault";
  readonly field: keyof UpstreamAddress | "provider" | undefined;

  constructor(field: keyof UpstreamAddress | "provider" | undefined, message: string) {
    super(message);
    this.field = field;
  }
}

/** What a provider's folder exports: how it is named, what it wants to be told, and how it is made. */
export type ProviderDefinition<S extends z.ZodObject = z.ZodObject> = {
  /** As the catalogue's models name it. */
  readonly name: string;
  /** Over environment variable names, each with a `.describe()`: the configuration table is made of these. */
  readonly settingsSchema: S;
  /** Whether the settings suffice to call the upstream. */
  isConfigured(settings: z.output<S>): boolean;
  /** Its variables for an upstream of the deployments file. Absent: it has neither an address nor a key. */
  settingsOf?(address: UpstreamAddress): Record<string, string | undefined>;
  /** How many requests its upstream counts for a call of so many images. Absent: one. */
  requestsFor?(images: number): number;
  create(settings: z.output<S>, deps: ProviderDeps): ImageProvider;
};
