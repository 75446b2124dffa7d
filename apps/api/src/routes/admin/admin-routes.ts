import type { FastifyInstance } from "fastify";
import type { Metrics } from "@darkroom/runtime";
import type { ShowUsageDependencies } from "../../usage/show-usage.ts";
import { type CreateKeyDependencies, createKeyRoute } from "./create-key.ts";
import { type DeleteKeyDependencies, deleteKeyRoute } from "./delete-key.ts";
import { type LedgerOfDayDependencies, ledgerOfDayRoutes } from "./ledger-of-day.ts";
import { type ListKeysDependencies, listKeysRoute } from "./list-keys.ts";
import { type ReadKeyDependencies, readKeyRoute } from "./read-key.ts";
import { type RotateKeyDependencies, rotateKeyRoute } from "./rotate-key.ts";
import { type RotateWebhookSecretDependencies, rotateWebhookSecretRoute } from "./rotate-webhook-secret.ts";
import { tenantUsageRoute } from "../usage.ts";
import { type UpdateKeyDependencies, updateKeyRoute } from "./update-key.ts";

export type AdminRoutesDependencies = CreateKeyDependencies &
  ListKeysDependencies &
  ReadKeyDependencies &
  UpdateKeyDependencies &
  RotateKeyDependencies &
  RotateWebhookSecretDependencies &
  DeleteKeyDependencies &
  ShowUsageDependencies &
  LedgerOfDayDependencies &
  ReadMetricsDependencies;

/** What the admin key opens: keys, usage, the ledger, the counters. */
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
  readMetricsRoute(app, dependencies);
}

type ReadMetricsDependencies = { metrics: Pick<Metrics, "render" | "contentType"> };

/** `GET /metrics`: what this process has counted, for Prometheus. It tells of all tenants, so it is the admin's. */
function readMetricsRoute(app: FastifyInstance, { metrics }: ReadMetricsDependencies): void {
  app.get("/metrics", async (_request, reply) =>
    reply
      .header("cache-control", "no-store")
      .type(metrics.contentType)
      .send(await metrics.render()),
  );
}
