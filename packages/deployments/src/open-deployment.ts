import {
  type ImageProvider,
  type OpenUpstream,
  openUpstream,
  providerNames,
  UpstreamFault,
  type UpstreamOptions,
} from "@darkroom/providers";
import { type Deployment, deploymentSchema } from "./deployment-schema.ts";
import { DeploymentFault } from "./parse-deployments.ts";
import { readSecret, type ReadVariable } from "./read-secret.ts";

/** A deployment that can be called. */
export type OpenDeployment = Deployment &
  OpenUpstream & {
    /** Names what is kept of it in Redis: its limits, and whether it is closed. */
    limitsName: string;
    /** Its secrets as they were read, to notice a change. Never log it. */
    secrets: readonly string[];
  };

export type OpenDeploymentOptions = { upstreams: UpstreamOptions; readVariable: ReadVariable };

/** Reads the secrets of a deployment and makes its adapter. Throws `DeploymentFault`. */
export function openDeployment(
  deployment: Deployment,
  { upstreams, readVariable }: OpenDeploymentOptions,
): OpenDeployment {
  const { name: ownName, provider, baseUrl, apiKey: source } = deployment;
  if (providerNames.includes(ownName)) {
    throw new DeploymentFault("name", `the name '${ownName}' stands for the upstream of the environment`);
  }
  const apiKey = source && readSecret(source, "apiKey", readVariable);
  const headers = Object.fromEntries(
    Object.entries(deployment.headers).map(([name, value]) => [
      name,
      typeof value === "string" ? value : readSecret(value, "headers", readVariable),
    ]),
  );
  try {
    const upstream = openUpstream({ provider, baseUrl, apiKey, headers }, upstreams, ownName);
    return { ...deployment, ...upstream, limitsName: ownName, secrets: [apiKey ?? "", ...Object.values(headers)] };
  } catch (error) {
    if (error instanceof UpstreamFault) throw new DeploymentFault(error.field, error.message);
    throw error;
  }
}

/**
 * The upstream that the environment names for a provider, as a deployment of one model without limits of our own. It serves many models, and each has
 * a state of its own: an upstream that does not know one of them, or fails at it, is not closed for the others. No name in the file has a colon.
 */
export const deploymentOfEnvironment = (adapter: ImageProvider, model: string): OpenDeployment => ({
  ...deploymentSchema.parse({ name: adapter.name, provider: adapter.name }),
  adapter,
  requestsFor: () => 1,
  limitsName: `${adapter.name}:${model}`,
  secrets: [],
});
