import type { FastifyInstance } from "fastify";
import { type CancelGenerationDependencies, cancelGenerationRoute } from "./cancel-generation.ts";
import { type CreateImageDependencies, createImageRoute } from "./create-image.ts";
import { type GenerationEventsDependencies, generationEventsRoute } from "./generation-events.ts";
import { type ListGenerationsDependencies, listGenerationsRoute } from "./list-generations.ts";
import { type ReadGenerationDependencies, readGenerationRoute } from "./read-generation.ts";
import { type RetryGenerationDependencies, retryGenerationRoute } from "./retry-generation.ts";

export type GenerationRoutesDependencies = CreateImageDependencies &
  ListGenerationsDependencies &
  ReadGenerationDependencies &
  CancelGenerationDependencies &
  RetryGenerationDependencies &
  GenerationEventsDependencies;

/** `/v1/images/generations` and `/v1/generations`: images are asked for, waited for, called off and asked for again. */
export function generationRoutes(app: FastifyInstance, dependencies: GenerationRoutesDependencies): void {
  createImageRoute(app, dependencies);
  listGenerationsRoute(app, dependencies);
  readGenerationRoute(app, dependencies);
  cancelGenerationRoute(app, dependencies);
  retryGenerationRoute(app, dependencies);
  generationEventsRoute(app, dependencies);
}
