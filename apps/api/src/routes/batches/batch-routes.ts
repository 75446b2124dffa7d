import type { FastifyInstance } from "fastify";
import { type CancelBatchDependencies, cancelBatchRoute } from "./cancel-batch.ts";
import { type CreateBatchDependencies, createBatchRoute } from "./create-batch.ts";
import { type ListBatchesDependencies, listBatchesRoute } from "./list-batches.ts";
import { type ReadBatchDependencies, readBatchRoute } from "./read-batch.ts";

export type BatchRoutesDependencies = CreateBatchDependencies &
  ListBatchesDependencies &
  ReadBatchDependencies &
  CancelBatchDependencies;

/** `/v1/batches`: the batches of the caller's tenant. */
export function batchRoutes(app: FastifyInstance, dependencies: BatchRoutesDependencies): void {
  createBatchRoute(app, dependencies);
  listBatchesRoute(app, dependencies);
  readBatchRoute(app, dependencies);
  cancelBatchRoute(app, dependencies);
}
