import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Keyring } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import { createEventLoopTurns, type Metrics } from "@darkroom/runtime";
import type { Tracer } from "@darkroom/tracing";
import cors from "@fastify/cors";
import underPressure from "@fastify/under-pressure";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import type { Drain } from "../drain.ts";
import { answerBrokenRequest, answerError, hasUnreadBody, requestTimeoutCode } from "./answer-error.ts";
import { assertPlainBody, parseJson } from "./request-body.ts";
import { type BodyDeadline, createBodyDeadline } from "../limits/body-deadline.ts";
import { createHeaderDeadline } from "../limits/header-deadline.ts";
import { setCommonHeaders } from "./common-headers.ts";
import { corsOptions, preflightPath } from "./cross-origin.ts";
import { hostFault } from "./host-header.ts";
import { createKnownRoutes, type KnownRoutes, shownPath } from "./known-routes.ts";
import { createLoadShedder, type LoadShedder, pressureLimits } from "../limits/load-shedder.ts";
import { createTenantTraffic, type TenantTraffic } from "./tenant-traffic.ts";
import { followRequest, type FollowRequestDependencies, newRequestId } from "./request-facts.ts";
import { cutStalledAnswers } from "../limits/connection-limits.ts";
import type { RequestLimits } from "../limits/limit-requests.ts";
import {
  connectionLimits,
  requestLimits as sizeLimits,
  stalledAnswerMs as usualStalledAnswerMs,
} from "../limits/server-limits.ts";
import { credentialOf } from "./credential.ts";
import { createConnectionTurns } from "./connection-turns.ts";
import { closeOnlyIdle } from "./idle-connections.ts";
import { createAuthenticationGate, type AuthenticationGate } from "./authentication-gate.ts";
import { traceRequests } from "./trace-requests.ts";
import { createUnauthenticatedLog } from "./unauthenticated-log.ts";

export type CreateServerDependencies = Omit<FollowRequestDependencies, "unauthenticatedLog" | "metrics"> & {
  metrics: Pick<Metrics, "refusedRequests" | "droppedConnections" | "httpDuration">;
  tracer?: Tracer | undefined;
  keyring: Keyring;
  drain: Drain;
  /** Whose `X-Forwarded-For` is believed: that of all clients, of none, or of these addresses and networks. */
  trustProxy: boolean | string[];
  /** The origins whose pages may call; `*` is every one. */
  corsOrigins: readonly string[];
  /** How many requests for images may be in hand at a time. */
  maxHeldRequests: number;
  requestLimits: Pick<RequestLimits, "assertParsable">;
  /** How many connections are open at a time. Node closes more at once, without an answer. */
  maxConnections: number;
  /** How long a client may take none of an answer that is there, in milliseconds. */
  stalledAnswerMs?: number;
};

export type Server = {
  app: FastifyInstance;
  gate: AuthenticationGate;
  routes: KnownRoutes;
  bodyDeadline: BodyDeadline;
  loadShedder: LoadShedder;
  traffic: TenantTraffic;
};

/**
 * Fastify as all routes need it, without routes: unauthenticated clients are refused before it, bodies are JSON, and errors have OpenAI's
 * shape. It does not listen yet.
 */
export function createServer(given: CreateServerDependencies): Server {
  const { log, metrics, drain, trustProxy, corsOrigins, maxHeldRequests, maxConnections, requestLimits } = given;
  const { stalledAnswerMs = usualStalledAnswerMs } = given;
  const unauthenticatedLog = createUnauthenticatedLog(log);
  const dependencies = { ...given, unauthenticatedLog };
  const bodyDeadline = createBodyDeadline(dependencies);
  const turns = createConnectionTurns();
  const judgeLateHeaders = createHeaderDeadline({
    turns,
    answer: (socket) => answerBrokenRequest({ code: requestTimeoutCode }, socket, dependencies),
  });
  // A thousand connections that are opened at once each send one.
  const turnsWithoutKey = createEventLoopTurns();
  const traffic = createTenantTraffic();
  const app = Fastify({
    ...sizeLimits,
    trustProxy,
    // The gate runs before Fastify on every address.
    serverFactory: (route) => {
      const serve = (request: IncomingMessage, response: ServerResponse) => {
        setCommonHeaders(response);
        const pass = () => route(request, response);
        const begin = () => {
          // Its client has gone before its turn. Whatever follows a request listens for the close of its answer, which is not told any more.
          if (!response.closed && !gate.turnAway(request, response, pass)) pass();
        };
        if (credentialOf(request.headers) === undefined) turnsWithoutKey.take(begin);
        else begin();
      };
      const serveInTurn = turns.inTurn(serve);
      const server = createHttpServer(connectionLimits, serveInTurn);
      server.maxConnections = maxConnections;
      cutStalledAnswers(server, turns, stalledAnswerMs);
      closeOnlyIdle(server, { turns, drain });
      server.on("drop", () => metrics.droppedConnections.inc());
      // Node answers an `Expect` that it does not know with an empty 417. RFC 9110 §10.1.1 lets us ignore it.
      return server.on("checkExpectation", serveInTurn);
    },
    genReqId: newRequestId,
    // Fastify's own answer while closing is not in the error shape, so the routes answer it.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      followRequest(request, reply, { ...dependencies, routes });
      void answerError(error, request, reply, log);
    },
    clientErrorHandler: (error, socket) => {
      if (error.code === requestTimeoutCode) judgeLateHeaders(socket);
      else answerBrokenRequest(error, socket, dependencies);
    },
  });
  app.addHook("onClose", async () => {
    gate.close();
    unauthenticatedLog.close();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (request: FastifyRequest, body: Buffer) => {
    const { headers } = request;
    // Many clients send the JSON content type with an empty POST, too. Routes that need a body refuse it.
    if (body.length === 0) return undefined;
    assertPlainBody(headers);
    await requestLimits.assertParsable(request, body.length);
    return parseJson(body);
  });

  void app.register(underPressure, pressureLimits);
  const loadShedder = createLoadShedder({ maxHeldRequests, isOverloaded: () => app.isUnderPressure() });
  const routes = createKnownRoutes(app);
  const gate = createAuthenticationGate({ ...dependencies, bodyDeadline, routes });
  app.decorateRequest("facts");
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, log));
  app.addHook("onRequest", async (request, reply) => {
    followRequest(request, reply, { ...dependencies, routes });
    traffic.follow(request, reply);
    bodyDeadline.begin(request.raw);
  });
  traceRequests(app, { ...given, routes });
  // Its headers stand on every answer from here on, and it answers preflights on every path, without a key.
  if (corsOrigins.length > 0) void app.register(cors, corsOptions(corsOrigins));
  void app.after(() => {
    app.addHook("onRequest", async (request) => {
      const { method, url } = request;
      if (request.is404 || request.routeOptions.url === preflightPath) {
        throw routes.misdirected(request) ?? new ApiError("not_found", `There is no ${method} ${shownPath(url)} here.`);
      }
      const fault = hostFault(request.raw);
      if (fault !== undefined) throw fault;
    });
  });
  app.addHook("onSend", async (request, reply) => {
    // OpenAI's own name for it: dashboards that were made for its API read it. An unauthenticated client gets no such header, here or from the gate.
    if (reply.statusCode !== 401) {
      reply.header("openai-processing-ms", Math.round(performance.now() - request.facts.startedAtMs));
    }
    if (hasUnreadBody(request.raw)) reply.raw.removeHeader("connection");
    // An open connection would send its next request here.
    else if (drain.leaving) reply.header("connection", "close");
  });
  return { app, gate, routes, bodyDeadline, loadShedder, traffic };
}
