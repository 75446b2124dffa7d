import type { IncomingMessage, ServerResponse } from "node:http";
import type { Keyring, KeyStore, Ledger, RedisKeys } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import type { FileStore } from "@darkroom/files";
import type { Catalogue } from "@darkroom/models";
import type { Logger, Metrics } from "@darkroom/observe";
import type { ObjectStore } from "@darkroom/storage";
import Fastify, { type FastifyInstance } from "fastify";
import { createFindBatch } from "./batches/find-batch.ts";
import type { Drain } from "./drain.ts";
import { createFindFile } from "./files/find-file.ts";
import type { Abandoner } from "./generation/abandoner.ts";
import { createFindGeneration } from "./generation/find-generation.ts";
import { createImageEvents } from "./generation/image-events.ts";
import { createInterruptionError } from "./generation/interruption-error.ts";
import { createJoinGeneration } from "./generation/join-generation.ts";
import { createRefuseNewWork } from "./generation/refuse-new-work.ts";
import { createRenderGeneration } from "./generation/render-generation.ts";
import { createSendImages } from "./generation/send-images.ts";
import { answerBrokenRequest } from "./http/answer-broken-request.ts";
import { answerError } from "./http/answer-error.ts";
import { authenticateAdmin, authenticateCallers, authenticateCallersOrAdmin } from "./http/authenticate.ts";
import { createBodyDeadline } from "./http/body-deadline.ts";
import { parseJson } from "./http/parse-json.ts";
import { refuseOtherMethods } from "./http/refuse-other-methods.ts";
import { followRequest, newRequestId } from "./http/request-facts.ts";
import { serverLimits } from "./http/server-limits.ts";
import { createStrangerGate } from "./http/stranger-gate.ts";
import { tellLimits } from "./http/tell-limits.ts";
import type { OpenQueue } from "./open-queue.ts";
import { createKeyRoute } from "./routes/admin/create-key.ts";
import { deleteKeyRoute } from "./routes/admin/delete-key.ts";
import { ledgerOfDayRoutes } from "./routes/admin/ledger-of-day.ts";
import { listKeysRoute } from "./routes/admin/list-keys.ts";
import { readKeyRoute } from "./routes/admin/read-key.ts";
import { readMetricsRoute } from "./routes/admin/read-metrics.ts";
import { rotateKeyRoute } from "./routes/admin/rotate-key.ts";
import { rotateWebhookSecretRoute } from "./routes/admin/rotate-webhook-secret.ts";
import { tenantUsageRoute } from "./routes/admin/tenant-usage.ts";
import { updateKeyRoute } from "./routes/admin/update-key.ts";
import { cancelBatchRoute } from "./routes/batches/cancel-batch.ts";
import { createBatchRoute } from "./routes/batches/create-batch.ts";
import { listBatchesRoute } from "./routes/batches/list-batches.ts";
import { readBatchRoute } from "./routes/batches/read-batch.ts";
import { cancelGenerationRoute } from "./routes/cancel-generation.ts";
import { createImageRoute } from "./routes/create-image.ts";
import { createFileRoute } from "./routes/files/create-file.ts";
import { deleteFileRoute } from "./routes/files/delete-file.ts";
import { listFilesRoute } from "./routes/files/list-files.ts";
import { readFileContentRoute } from "./routes/files/read-file-content.ts";
import { readFileRoute } from "./routes/files/read-file.ts";
import { generationEventsRoute } from "./routes/generation-events.ts";
import { type HealthDependencies, healthRoutes } from "./routes/health.ts";
import { listGenerationsRoute } from "./routes/list-generations.ts";
import { modelsRoutes } from "./routes/models.ts";
import { readGenerationRoute } from "./routes/read-generation.ts";
import { retryGenerationRoute } from "./routes/retry-generation.ts";
import { serveImageRoute } from "./routes/serve-image.ts";
import { usageRoute } from "./routes/usage.ts";
import { webhookDeliveriesRoutes } from "./routes/webhook-deliveries.ts";
import { webhookSecretRoute } from "./routes/webhook-secret.ts";
import { createAnswerAsStream } from "./wait-modes/answer-as-stream.ts";
import { createAnswerAtOnce } from "./wait-modes/answer-at-once.ts";
import { createAnswerWhenEnded } from "./wait-modes/answer-when-ended.ts";
import type { WebhookSettings } from "./webhook-settings.ts";

export type AppDependencies = HealthDependencies & {
  catalogue: Catalogue;
  keyring: Keyring;
  keyStore: KeyStore;
  /** Where accounts keep what they keep in Redis. */
  names: RedisKeys;
  ledger: Ledger;
  objects: ObjectStore;
  files: FileStore;
  queue: OpenQueue;
  abandoner: Abandoner;
  drain: Drain;
  log: Logger;
  metrics: Metrics;
  webhooks: WebhookSettings;
  /** How long a caller waits on the line. */
  syncTimeoutMs: number;
  linkTtlSeconds: number;
  /** Whose `X-Forwarded-For` is believed: everybody's, nobody's, or that of these addresses and networks. */
  trustProxy: boolean | string[];
};

/** Builds the HTTP service. It listens to nothing yet, and opens and closes nothing that it was given. */
export function buildApp(dependencies: AppDependencies): FastifyInstance {
  const { log, drain, keyring } = dependencies;
  const bodyDeadline = createBodyDeadline(dependencies);
  const app = Fastify({
    ...serverLimits,
    trustProxy: dependencies.trustProxy,
    genReqId: newRequestId,
    // Fastify's own answer while closing is not in the error shape; the routes say it themselves.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      followRequest(request, reply, dependencies);
      void answerError(error, request, reply, log);
    },
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket, dependencies),
  });
  const gate = createStrangerGate({ ...dependencies, bodyDeadline });
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    if (!gate.turnAway(request, response)) app.routing(request, response);
  };
  app.server.removeAllListeners("request").on("request", serve);
  app.addHook("onClose", async () => gate.close());
  // Node answers an `Expect` that it does not know with an empty 417. RFC 9110 §10.1.1 lets us ignore it.
  app.server.on("checkExpectation", serve);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: unknown, body: Buffer) =>
    // Many clients say JSON of a POST without a body, too. Where one is needed the route misses it.
    body.length === 0 ? undefined : parseJson(body),
  );

  app.decorateRequest("facts");
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, log));
  app.addHook("onRequest", async (request, reply) => {
    followRequest(request, reply, dependencies);
    bodyDeadline.begin(request.raw);
    if (request.is404) {
      throw new ApiError("not_found", `There is no ${request.method} ${request.url.split("?", 1)[0]} here.`);
    }
    if (request.headers.host === undefined && request.raw.httpVersion === "1.1") {
      throw new ApiError("invalid_request_error", "The Host header is missing.");
    }
  });
  app.addHook("onSend", async (_request, reply) => {
    // Kept open, a connection would bring its next request here.
    if (drain.draining) reply.header("connection", "close");
  });

  const refuse = refuseOtherMethods(app);
  void app.register(async (open) => {
    healthRoutes(open, dependencies);
    serveImageRoute(open, dependencies);
  });
  const tools = {
    ...dependencies,
    bodyDeadline,
    findFile: createFindFile(dependencies),
    sendImages: createSendImages(dependencies),
    findBatch: createFindBatch(dependencies.queue),
    findGeneration: createFindGeneration(dependencies.queue),
    renderGeneration: createRenderGeneration(dependencies),
    joinGeneration: createJoinGeneration(dependencies),
    refuseNewWork: createRefuseNewWork(dependencies),
    imageEvents: createImageEvents(dependencies),
    interruptionError: createInterruptionError(dependencies),
  };
  const waitModes = {
    whenEnded: createAnswerWhenEnded(tools),
    atOnce: createAnswerAtOnce(tools),
    asStream: createAnswerAsStream(tools),
  };
  void app.register(async (v1) => {
    authenticateCallers(v1, { gate, keyring });
    tellLimits(v1, dependencies.queue.readMinuteUse);
    createImageRoute(v1, { ...tools, waitModes });
    listGenerationsRoute(v1, tools);
    readGenerationRoute(v1, tools);
    cancelGenerationRoute(v1, tools);
    retryGenerationRoute(v1, tools);
    generationEventsRoute(v1, tools);
    createBatchRoute(v1, tools);
    listBatchesRoute(v1, tools);
    readBatchRoute(v1, tools);
    cancelBatchRoute(v1, tools);
    createFileRoute(v1, tools);
    listFilesRoute(v1, tools);
    readFileRoute(v1, tools);
    readFileContentRoute(v1, tools);
    deleteFileRoute(v1, tools);
    webhookSecretRoute(v1, tools);
    webhookDeliveriesRoutes(v1, tools);
    modelsRoutes(v1, dependencies);
  });
  void app.register(async (v1) => {
    authenticateCallersOrAdmin(v1, { gate, keyring });
    tellLimits(v1, dependencies.queue.readMinuteUse);
    usageRoute(v1, dependencies);
  });
  if (keyring.hasAdminKey) {
    void app.register(async (admin) => {
      authenticateAdmin(admin, { gate, keyring });
      createKeyRoute(admin, dependencies);
      listKeysRoute(admin, dependencies);
      readKeyRoute(admin, dependencies);
      updateKeyRoute(admin, dependencies);
      rotateKeyRoute(admin, dependencies);
      rotateWebhookSecretRoute(admin, dependencies);
      deleteKeyRoute(admin, dependencies);
      tenantUsageRoute(admin, dependencies);
      ledgerOfDayRoutes(admin, dependencies);
      readMetricsRoute(admin, dependencies);
    });
  }
  refuse();
  return app;
}
