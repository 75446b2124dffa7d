import type { FastifyInstance } from "fastify";
import type { Metrics } from "@darkroom/runtime";
import type { ShowUsageDependencies } from "../../usage/show-usage.ts";
import { type ChangeGenerationsDependencies, changeGenerationsRoutes } from "./change-generations.ts";
import { type CreateKeyDependencies, createKeyRoute } from "./create-key.ts";
import { type DeleteKeyDependencies, deleteKeyRoute } from "./delete-key.ts";
import { type DropEndedDependencies, dropEndedRoute } from "./drop-ended.ts";
import { operatorGenerationsRoutes, type OperatorGenerationsDependencies } from "./generations.ts";
import { type LanesDependencies, lanesRoutes } from "./lanes.ts";
import { type LedgerOfDayDependencies, ledgerOfDayRoutes } from "./ledger-of-day.ts";
import { type ListKeysDependencies, listKeysRoute } from "./list-keys.ts";
import { type ProcessesDependencies, processesRoutes } from "./processes.ts";
import { type ProvidersDependencies, providersRoute } from "./providers.ts";
import { type QuarantineDependencies, quarantineRoutes } from "./quarantine.ts";
import { type ReadKeyDependencies, readKeyRoute } from "./read-key.ts";
import { type RotateKeyDependencies, rotateKeyRoute } from "./rotate-key.ts";
import { type RotateWebhookSecretDependencies, rotateWebhookSecretRoute } from "./rotate-webhook-secret.ts";
import { tenantUsageRoute } from "../usage.ts";
import { type UpdateKeyDependencies, updateKeyRoute } from "./update-key.ts";
import { type OperatorDeliveriesDependencies, operatorDeliveriesRoutes } from "./webhook-deliveries.ts";

export type AdminRoutesDependencies = CreateKeyDependencies &
  ListKeysDependencies &
  ReadKeyDependencies &
  UpdateKeyDependencies &
  RotateKeyDependencies &
  RotateWebhookSecretDependencies &
  DeleteKeyDependencies &
  ShowUsageDependencies &
  LedgerOfDayDependencies &
  DropEndedDependencies &
  QuarantineDependencies &
  LanesDependencies &
  ProcessesDependencies &
  ProvidersDependencies &
  OperatorGenerationsDependencies &
  ChangeGenerationsDependencies &
  OperatorDeliveriesDependencies &
  ReadMetricsDependencies;

/** The routes of the admin key: keys, usage, the ledger, lanes, processes, deployments, generations, webhooks, the quarantine, metrics. */
export function adminRoutes(app: FastifyInstance, dependencies: AdminRoutesDependencies): void {
  createKeyRoute(app, dependencies);
  listKeysRoute(app, dependencies);
  readKeyRoute(app, dependencies);
  updateKeyRoute(app, dependencies);
  rotateKeyRoute(app, dependencies);
  rotateWebhookSecretRoute(app, dependencies);
  deleteKeyRoute(app, dependencies);
  tenantUsageRoute(app, dependencies);
  ledgerOfDayRoutes(app, dependencies);
  dropEndedRoute(app, dependencies);
  quarantineRoutes(app, dependencies);
  lanesRoutes(app, dependencies);
  processesRoutes(app, dependencies);
  providersRoute(app, dependencies);
  operatorGenerationsRoutes(app, dependencies);
  changeGenerationsRoutes(app, dependencies);
  operatorDeliveriesRoutes(app, dependencies);
  readMetricsRoute(app, dependencies);
}

type ReadMetricsDependencies = { metrics: Pick<Metrics, "render" | "contentType"> };

/** `GET /metrics`: the metrics of this process, for Prometheus. They name all tenants, so they need the admin key. */
function readMetricsRoute(app: FastifyInstance, { metrics }: ReadMetricsDependencies): void {
  app.get("/metrics", async (_request, reply) =>
    reply
      .header("cache-control", "no-store")
      .type(metrics.contentType)
      .send(await metrics.render()),
  );
}
