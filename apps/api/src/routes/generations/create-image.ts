import type { IncomingHttpHeaders } from "node:http";
import { ApiError, type ImageRequest, newGenerationId, openImageRequestSchema, parseBody } from "@darkroom/contracts";
import type { RequestIdentity } from "@darkroom/generations";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Wanted } from "../../generation/submit-or-attach.ts";
import type { JudgeRequest } from "../../generation/judge-request.ts";
import { accountOf } from "../../http/authenticate.ts";
import { readIdempotencyKey } from "../../http/idempotency-key.ts";
import type { HeldRequests } from "../../limits/held-requests.ts";
import type { LoadShedder } from "../../limits/load-shedder.ts";
import { imageBodyLimit } from "../../limits/server-limits.ts";
import { type Preference, readPreference, varyByPreference } from "../../http/preference.ts";
import type { WaitMode } from "../../wait-modes/answer-when-ended.ts";

export type CreateImageDependencies = {
  judgeRequest: JudgeRequest;
  waitModes: { whenEnded: WaitMode; keptAlive: WaitMode; atOnce: WaitMode; asStream: WaitMode };
  loadShedder: Pick<LoadShedder, "holdOrRefuse">;
  heldRequests: Pick<HeldRequests, "holdOrRefuse">;
};

/** `POST /v1/images/generations`: submits a generation and answers in the way that the caller waits. */
export function createImageRoute(app: FastifyInstance, dependencies: CreateImageDependencies): void {
  const createImage = createCreateImage(dependencies);
  const onRequest = refuseOverload(dependencies);
  const options = { onRequest, bodyLimit: imageBodyLimit };
  app.post("/v1/images/generations", options, (request, reply) => createImage(request, reply, request.body));
}

/** `POST /openai/deployments/{model}/images/generations`: the same, as Azure's clients ask. There the path says which model. */
export function deploymentImageRoute(app: FastifyInstance, dependencies: CreateImageDependencies): void {
  const createImage = createCreateImage(dependencies);
  const onRequest = refuseOverload(dependencies);
  const options = { onRequest, bodyLimit: imageBodyLimit };
  app.post<{ Params: { model: string } }>("/deployments/:model/images/generations", options, (request, reply) => {
    const { body, params } = request;
    return createImage(request, reply, isObject(body) ? { ...body, model: params.model } : body);
  });
}

/** Before the body is read, so that a process with too many requests in hand is not kept busy by more of them. */
const refuseOverload =
  ({ loadShedder, heldRequests }: CreateImageDependencies) =>
  async (request: FastifyRequest, { raw }: FastifyReply) => {
    heldRequests.holdOrRefuse(request, raw);
    loadShedder.holdOrRefuse(raw);
  };

const isObject = (body: unknown): body is object => typeof body === "object" && body !== null && !Array.isArray(body);

function createCreateImage({ judgeRequest, waitModes }: CreateImageDependencies) {
  return async (request: FastifyRequest, reply: FastifyReply, body: unknown): Promise<FastifyReply> => {
    const { tenant, keyId, keepAlive } = accountOf(request);
    // Without a body Fastify parses none.
    if (body === undefined) throw new ApiError("invalid_request_error", "The body is empty: send a JSON object.");
    const imageRequest: ImageRequest = parseBody(openImageRequestSchema, body);
    const wanted = await judge(request, {
      id: newGenerationId(Date.now()),
      tenant,
      keyId,
      request: imageRequest,
      idempotencyKey: readIdempotencyKey(request.raw),
      forceNew: asksForNew(request.headers),
    });
    const preference = readPreference(request.headers.prefer);
    const answer = chooseWaitMode(waitModes, imageRequest, {
      ...preference,
      keepAlive: preference.keepAlive || keepAlive,
    });
    return answer({ request, reply: varyByPreference(reply), wanted, preference });
  };

  /** What is to be submitted. A refusal is kept until it is known that there is no earlier generation to be given. */
  async function judge(request: FastifyRequest, identity: RequestIdentity): Promise<Wanted> {
    try {
      const judgement = await judgeRequest(accountOf(request), identity.request);
      request.facts.model = judgement.model;
      return { ...identity, ...judgement };
    } catch (refusal) {
      if (!(refusal instanceof ApiError)) throw refusal;
      return { identity, refusal };
    }
  }
}

/** `stream` is part of the request, and its answer can be nothing else; `Prefer` is a preference, which may be passed over. */
function chooseWaitMode(
  modes: CreateImageDependencies["waitModes"],
  { stream }: ImageRequest,
  prefers: Preference,
): WaitMode {
  if (stream === true) return modes.asStream;
  if (prefers.respondAsync) return modes.atOnce;
  return prefers.keepAlive ? modes.keptAlive : modes.whenEnded;
}

/**
 * Whether a caller asks for a new generation, and not for what an equal request has left behind: `Cache-Control: no-cache`
 * (RFC 9111 §5.2.1.4), which an HTTP cache would obey likewise.
 */
const asksForNew = ({ "cache-control": directives = "" }: IncomingHttpHeaders): boolean =>
  directives.split(",").some((directive) => directive.trim().toLowerCase() === "no-cache");
