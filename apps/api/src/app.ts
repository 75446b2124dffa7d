import type { Keyring, KeyStore, Ledger } from "@darkroom/accounts";
import type { FileStore } from "@darkroom/files";
import type { Catalogue } from "@darkroom/models";
import type { FleetMember } from "@darkroom/redis";
import type { Logger, Metrics } from "@darkroom/runtime";
import type { ObjectStore } from "@darkroom/storage";
import type { FastifyInstance } from "fastify";
import { createFindBatch } from "./batches/find-batch.ts";
import { createFindFile } from "./files/find-file.ts";
import type { Disconnects } from "./generation/cancel-on-disconnect.ts";
import { createCancelRecord } from "./generation/cancel-record.ts";
import { createFindGeneration } from "./generation/find-generation.ts";
import { createImageEvents } from "./generation/image-events.ts";
import { createInterruptionError } from "./generation/wait-for-ending.ts";
import { createSubmitOrAttach } from "./generation/submit-or-attach.ts";
import { createJudgeRequest } from "./generation/judge-request.ts";
import { createDownloadLimits } from "./limits/download-limits.ts";
import type { HeldRequests } from "./limits/held-requests.ts";
import { createRequestLimits } from "./limits/limit-requests.ts";
import { createShedLoad } from "./limits/shed-load.ts";
import { createRenderGeneration } from "./generation/render-generation.ts";
import type { ResponseFormat } from "./generation/response-format.ts";
import { createImagesBody } from "./generation/images-body.ts";
import { createRetryRecord } from "./generation/retry-record.ts";
import { createSendAccepted } from "./generation/send-generation.ts";
import {
  authenticateAdmin,
  authenticateAdminInBrowser,
  authenticateCallers,
  authenticateCallersOrAdmin,
} from "./http/authenticate.ts";
import { createServer, type CreateServerDependencies, type Server } from "./http/create-server.ts";
import { refuseOtherMethods } from "./http/known-routes.ts";
import { createSendPage } from "./http/send-page.ts";
import { createReadTurns, type ReadTurns } from "./limits/read-turns.ts";
import { createHeartbeats } from "./http/sse-heartbeat.ts";
import { createStoredQuota, type DefaultLimits } from "./limits/stored-quota.ts";
import { tellLimits } from "./limits/rate-limit-headers.ts";
import type { Queue } from "./open-queue.ts";
import type { QueueBoard } from "./queue-board/queue-board.ts";
import { adminRoutes } from "./routes/admin/admin-routes.ts";
import { queueBoardRoutes } from "./routes/admin/queue-board.ts";
import { batchRoutes } from "./routes/batches/batch-routes.ts";
import { fileRoutes } from "./routes/files/file-routes.ts";
import { deploymentImageRoute } from "./routes/generations/create-image.ts";
import { generationRoutes } from "./routes/generations/generation-routes.ts";
import { type HealthDependencies, healthRoutes } from "./routes/health.ts";
import { modelsRoutes } from "./routes/models.ts";
import { serveImageRoute } from "./routes/serve-image.ts";
import { usageRoute } from "./routes/usage.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { createAnswerAsStream } from "./wait-modes/answer-as-stream.ts";
import { createAnswerAtOnce } from "./wait-modes/answer-at-once.ts";
import { createAnswerKeptAlive } from "./wait-modes/answer-kept-alive.ts";
import { createAnswerWhenEnded } from "./wait-modes/answer-when-ended.ts";
import type { WebhookSettings } from "./webhook-settings.ts";

export type AppDependencies = Omit<CreateServerDependencies, "requestLimits"> &
  HealthDependencies & {
    catalogue: Catalogue;
    keyring: Keyring;
    keyStore: KeyStore;
    ledger: Ledger;
    objects: ObjectStore;
    files: FileStore;
    queue: Queue;
    disconnects: Disconnects;
    heldRequests: HeldRequests;
    /** What the operator has told all processes. */
    fleet: Pick<FleetMember, "isDrained">;
    log: Logger;
    metrics: Metrics;
    webhooks: WebhookSettings;
    /** Undefined: there is none. */
    queueBoard: QueueBoard | undefined;
    /** How long a caller waits on the line. */
    syncTimeoutMs: number;
    linkTtlSeconds: number;
    /** Where callers reach this service, if it was told. */
    publicBaseUrl: string | undefined;
    /** The format of GPT image models where the request does not name one. */
    defaultResponseFormat: ResponseFormat;
    defaultLimits: DefaultLimits;
  };

/** Builds the HTTP service. It listens to nothing yet, and opens and closes nothing that it was given. */
export function buildApp(dependencies: AppDependencies): FastifyInstance {
  const { keyring, keyStore } = dependencies;
  const requestLimits = createRequestLimits({
    counter: keyStore.requests,
    maxPerMinute: dependencies.defaultLimits.http_requests_per_minute,
  });
  const server = createServer({ ...dependencies, requestLimits });
  const { app, gate } = server;
  const { bodyDeadline, loadShedder } = server;
  const tools = createTools({ ...dependencies, bodyDeadline, loadShedder });
  tellShares(dependencies, server, tools.readTurns);

  function limitCallers(routes: FastifyInstance): void {
    requestLimits.guard(routes);
    tellLimits(routes, { readRateLimitUse: keyStore.readRateLimitUse, requestLimits });
  }

  void app.register(async (open) => {
    healthRoutes(open, tools);
    serveImageRoute(open, tools);
  });
  const forCallers = async (v1: FastifyInstance) => {
    authenticateCallers(v1, { gate, keyring });
    limitCallers(v1);
    generationRoutes(v1, tools);
    batchRoutes(v1, tools);
    fileRoutes(v1, tools);
    webhookRoutes(v1, tools);
    modelsRoutes(v1, tools);
  };
  const forCallersOrAdmin = async (v1: FastifyInstance) => {
    authenticateCallersOrAdmin(v1, { gate, keyring });
    limitCallers(v1);
    usageRoute(v1, tools);
  };
  void app.register(forCallers);
  void app.register(forCallersOrAdmin);
  // The same where Azure's clients look for them.
  const asOnAzure = async (azure: FastifyInstance) => {
    ignoreApiVersion(azure);
    void azure.register(forCallers);
    void azure.register(forCallersOrAdmin);
    void azure.register(async (deployments) => {
      authenticateCallers(deployments, { gate, keyring });
      limitCallers(deployments);
      deploymentImageRoute(deployments, tools);
    });
  };
  void app.register(asOnAzure, { prefix: "/openai" });
  if (keyring.hasAdminKey) {
    void app.register(async (admin) => {
      authenticateAdmin(admin, { gate, keyring });
      adminRoutes(admin, tools);
    });
    const { queueBoard } = dependencies;
    if (queueBoard !== undefined) {
      void app.register(async (pages) => {
        authenticateAdminInBrowser(pages, { gate, keyring });
        queueBoardRoutes(pages, queueBoard);
      });
    }
  }
  refuseOtherMethods(app, server.routes);
  return app;
}

/** What routes share, each part made of what was given and of those before it. */
function createTools(given: AppDependencies & Pick<Server, "bodyDeadline" | "loadShedder">) {
  const tools = {
    ...given,
    findFile: createFindFile(given),
    findBatch: createFindBatch(given.queue.reads),
    findGeneration: createFindGeneration(given.queue.reads),
    imagesBody: createImagesBody(given),
    readTurns: createReadTurns(),
    sendPage: createSendPage(given),
    sendAccepted: createSendAccepted(given),
    renderGeneration: createRenderGeneration(given),
    submitOrAttach: createSubmitOrAttach(given),
    shedLoad: createShedLoad(given),
    imageEvents: createImageEvents(given),
    interruptionError: createInterruptionError(given),
    cancelRecord: createCancelRecord(given),
    retryRecord: createRetryRecord({ ...given, shedLoad: createShedLoad(given) }),
    storedQuota: createStoredQuota(given),
    heartbeats: createHeartbeats(),
    downloadLimits: createDownloadLimits(),
  };
  const waitModes = {
    whenEnded: createAnswerWhenEnded(tools),
    keptAlive: createAnswerKeptAlive(tools),
    atOnce: createAnswerAtOnce(tools),
    asStream: createAnswerAsStream(tools),
  };
  return { ...tools, waitModes, judgeRequest: createJudgeRequest(tools) };
}

/** Has the metrics tell who takes what: of this process, and of Redis, which is the same for all. */
function tellShares(
  { metrics, queue, heldRequests }: Pick<AppDependencies, "metrics" | "queue" | "heldRequests">,
  { traffic }: Pick<Server, "traffic">,
  readTurns: ReadTurns,
): void {
  metrics.openRequests.readFrom(heldRequests.waits);
  metrics.heldLines.readFrom(heldRequests.byTenant);
  metrics.reads.readFrom(readTurns.byTenant);
  metrics.readBytes.readFrom(traffic.readBytes);
  metrics.sentBytes.readFrom(traffic.sentBytes);
  metrics.redisBytes.readFrom(queue.tenantMemory);
}

/** Azure's clients send `api-version` with every request, and routes refuse what they do not know of a query. There is one version here. */
function ignoreApiVersion(app: FastifyInstance): void {
  app.addHook("preValidation", async ({ query }) => {
    if (typeof query === "object" && query !== null) Reflect.deleteProperty(query, "api-version");
  });
}
