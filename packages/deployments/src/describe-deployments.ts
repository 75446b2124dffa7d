import type { DeploymentFacts } from "./figures.ts";
import type { Deployments } from "./watch-deployments.ts";

/** A file with hundreds of mistakes is the wrong file: the first say that. */
const toldMistakes = 10;

/** What a worker tells the operator of its deployments. */
export const describeDeployments = ({ all, mistakes }: Pick<Deployments, "all" | "mistakes">): DeploymentFacts => ({
  mistakes: mistakes.slice(0, toldMistakes),
  deployments: all.flatMap(({ model, deployments }) =>
    deployments.map((one) => ({
      name: one.name,
      model,
      provider: one.provider,
      address: one.baseUrl === undefined ? null : addressOf(one.baseUrl),
      upstreamModel: one.model ?? null,
      priority: one.priority,
      weight: one.weight,
      requestsPerMinute: one.requestsPerMinute ?? null,
      imagesPerMinute: one.imagesPerMinute ?? null,
      concurrency: one.concurrency ?? null,
    })),
  ),
});

function addressOf(baseUrl: string): string {
  const { origin, pathname } = new URL(baseUrl);
  return `${origin}${pathname}`;
}
