import type { Authenticator } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import Fastify, { type FastifyInstance } from "fastify";
import { createSendImages } from "./generation/send-images.ts";
import { answerBrokenRequest } from "./http/answer-broken-request.ts";
import { answerError } from "./http/answer-error.ts";
import { authenticateCallers } from "./http/authenticate.ts";
import { parseJson } from "./http/parse-json.ts";
import { refuseOtherMethods } from "./http/refuse-other-methods.ts";
import { followRequest, newRequestId } from "./http/request-facts.ts";
import { serverLimits } from "./http/server-limits.ts";
import { type CreateImageDependencies, createImageRoute } from "./routes/create-image.ts";
import { type HealthDependencies, healthRoutes } from "./routes/health.ts";
import { type ModelsDependencies, modelsRoutes } from "./routes/models.ts";
import { type ServeImageDependencies, serveImageRoute } from "./routes/serve-image.ts";

export type AppDependencies = Omit<CreateImageDependencies, "sendImages"> &
  ModelsDependencies &
  ServeImageDependencies &
  HealthDependencies & {
    authenticator: Authenticator;
    linkTtlSeconds: number;
    /** Whose `X-Forwarded-For` is believed: everybody's, nobody's, or that of these addresses and networks. */
    trustProxy: boolean | string[];
  };

/** Builds the HTTP service. It listens to nothing yet, and opens and closes nothing that it was given. */
export function buildApp(dependencies: AppDependencies): FastifyInstance {
  const { log, drain, authenticator } = dependencies;
  const app = Fastify({
    ...serverLimits,
    trustProxy: dependencies.trustProxy,
    genReqId: newRequestId,
    // Fastify's own answer while closing is not in the error shape; the routes say it themselves.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      followRequest(request, reply, log);
      void answerError(error, request, reply, log);
    },
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket, log),
  });
  // Node answers an `Expect` that it does not know with an empty 417. RFC 9110 §10.1.1 lets us ignore it.
  app.server.on("checkExpectation", (request, response) => app.routing(request, response));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: unknown, body: Buffer) =>
    parseJson(body),
  );

  app.decorateRequest("facts");
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, log));
  app.addHook("onRequest", async (request, reply) => {
    followRequest(request, reply, log);
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
  void app.register(async (v1) => {
    authenticateCallers(v1, authenticator);
    createImageRoute(v1, { ...dependencies, sendImages: createSendImages(dependencies) });
    modelsRoutes(v1, dependencies);
  });
  refuse();
  return app;
}
