import type { ShownDeployment } from "@darkroom/contracts";
import { type DeploymentFacts, deploymentFactsSchema, type DeploymentFigures } from "@darkroom/deployments/figures";
import type { FastifyInstance } from "fastify";
import { queueAnswer } from "../../generation/queue-answer.ts";
import type { Queue } from "../../open-queue.ts";

export type ProvidersDependencies = { queue: Pick<Queue, "fleet" | "readDeployment"> };

type Told = DeploymentFacts["deployments"][number];

/** `GET /admin/providers`: the deployments that living workers have in force, how each stands, and what is wrong with the file. */
export function providersRoute(app: FastifyInstance, { queue }: ProvidersDependencies): void {
  app.get("/admin/providers", async (_request, reply) => {
    const processes = await queueAnswer(queue.fleet.list());
    const told = processes.flatMap(({ name, deployments }) => {
      const read = deploymentFactsSchema.safeParse(deployments);
      return read.success ? [{ process: name, ...read.data }] : [];
    });
    // Two workers may have different files for some seconds. What more of them have is shown.
    const versions = Map.groupBy(
      told.flatMap(({ deployments }) => deployments),
      (one) => JSON.stringify(one),
    );
    const usual = new Map<string, { deployment: Told; workers: number }>();
    for (const [deployment, ...others] of versions.values()) {
      const workers = others.length + 1;
      if (deployment !== undefined && workers > (usual.get(deployment.name)?.workers ?? 0))
        usual.set(deployment.name, { deployment, workers });
    }
    const data = await queueAnswer(
      Promise.all(
        [...usual.values()].map(async ({ deployment, workers }) =>
          showDeployment(deployment, workers, await queue.readDeployment(deployment.name)),
        ),
      ),
    );
    const mistakes = told.filter((one) => one.mistakes.length > 0);
    return reply.header("cache-control", "no-store").send({
      object: "list",
      data: data.toSorted(
        (a, b) => a.model.localeCompare(b.model) || a.priority - b.priority || a.id.localeCompare(b.id),
      ),
      mistakes: mistakes.map(({ process, mistakes: lines }) => ({ process, lines })),
    });
  });
}

const showDeployment = (told: Told, workers: number, figures: DeploymentFigures): ShownDeployment => ({
  object: "deployment",
  id: told.name,
  model: told.model,
  provider: told.provider,
  address: told.address,
  upstream_model: told.upstreamModel,
  priority: told.priority,
  weight: told.weight,
  limits: {
    requests_per_minute: told.requestsPerMinute,
    images_per_minute: told.imagesPerMinute,
    concurrency: told.concurrency,
  },
  state: figures.closedMs > 0 ? "closed" : figures.pace === null ? "open" : "trying",
  closed_ms: figures.closedMs,
  closed_for: figures.closedFor,
  failures: figures.failuresInRow,
  under_way: figures.underWay,
  requests_last_minute: figures.requestsOfMinute,
  images_last_minute: figures.imagesOfMinute,
  call_ms: figures.serviceMs,
  workers,
});
