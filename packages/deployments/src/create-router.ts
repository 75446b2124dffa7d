import type { ImageProvider, ProviderCall } from "@darkroom/providers";
import type { Logger } from "@darkroom/runtime";
import type { ChooseOptions, DeploymentLimits } from "./deployment-limits.ts";
import { deploymentOfEnvironment } from "./open-deployment.ts";
import { type EndedCall, routeCall, type RoutedReply, type RouteOptions } from "./route-call.ts";
import type { Deployments, OpenModel } from "./watch-deployments.ts";

export type RouterOptions = {
  deployments: Pick<Deployments, "of">;
  limits: Pick<DeploymentLimits, "choose">;
  onEnded: (call: EndedCall) => void;
  log: Logger;
};

/** What a generation asks for, as far as the choice depends on it. */
export type RouteRequest = {
  /** The catalogue's model, and the one that draws in its place. */
  model: string;
  successor?: string | undefined;
  /** What the environment names for the model's provider. It serves a model without deployments. */
  environment: ImageProvider | undefined;
  /** Images that are asked for. */
  images: number;
  /** Whether nobody waits for the answer. */
  isBatch: boolean;
  waiting?: ChooseOptions["waiting"];
};

/** A way to deployments that is held for one attempt. Release it when the attempt has ended, or did not begin. */
export type Route = {
  /** The adapter that is asked first. */
  provider: string;
  generate(call: ProviderCall, note: RouteOptions["note"]): Promise<RoutedReply>;
  /** Gives back what was held and not used. */
  release(): Promise<void>;
};

/**
 * Returns the function that finds a way to the deployments of a model: undefined where nothing serves it, milliseconds where none has room for so
 * long. Rejects with the error of Redis.
 */
export function createRouter({ deployments, limits, onEnded, log }: RouterOptions) {
  return async ({
    model,
    successor,
    environment,
    images,
    isBatch,
    waiting,
  }: RouteRequest): Promise<Route | number | undefined> => {
    const pool = deployments.of(model, successor) ?? (environment && poolOf(model, environment));
    if (pool === undefined) return undefined;
    const choice = await limits.choose({ model: pool.model, deployments: pool.deployments, images, isBatch, waiting });
    if (choice.kind === "full") return choice.waitMs;
    const { call: first } = choice;
    return {
      provider: first.deployment.provider,
      generate: (call, note) => routeCall({ limits, pool, isBatch, first, note, onEnded, log }, call),
      release: () => first.end("unused"),
    };
  };
}

const poolOf = (model: string, adapter: ImageProvider): OpenModel => ({
  model,
  buyAgainInDoubt: false,
  deployments: [deploymentOfEnvironment(adapter, model)],
});

export type Router = ReturnType<typeof createRouter>;
