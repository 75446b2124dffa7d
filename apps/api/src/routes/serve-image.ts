import { ApiError } from "@darkroom/contracts";
import { type ObjectStore, signedLinkPath } from "@darkroom/storage";
import type { FastifyInstance } from "fastify";
import { pathOf } from "../http/known-routes.ts";
import { reprDigest } from "../http/repr-digest.ts";
import { clientNetwork } from "../http/request-facts.ts";
import type { DownloadLimits } from "../limits/download-limits.ts";

export type ServeImageDependencies = { objects: ObjectStore; downloadLimits: Pick<DownloadLimits, "holdOrRefuse"> };

/** `GET /images/*`: the signed links of stores that have no web server of their own. */
export function serveImageRoute(
  app: FastifyInstance,
  { objects: { openLink }, downloadLimits }: ServeImageDependencies,
): void {
  // Links lead elsewhere, so there is nothing here.
  if (openLink === null) return;

  app.route({
    method: ["GET", "HEAD"],
    url: `${signedLinkPath}*`,
    handler: async (request, reply) => {
      downloadLimits.holdOrRefuse(reply.raw, [
        { by: "link", id: pathOf(request.url) },
        { by: "network", id: clientNetwork(request) },
      ]);
      const answer = await openLink(request.url).catch((cause: unknown) => {
        throw new ApiError("overloaded", "The image cannot be read at the moment.", { retryAfterMs: 1_000, cause });
      });
      switch (answer.status) {
        case "forbidden":
          throw new ApiError(
            "invalid_link",
            "This link was not made by this service, or was changed. Use it exactly as you received it.",
          );
        case "expired":
          throw new ApiError("expired", "This link has expired.");
        case "missing":
          throw new ApiError("not_found", "The image of this link is no longer kept.");
        case "ok":
      }
      const { size, contentType, body } = answer.object;
      reply.headers({
        "content-type": contentType,
        "content-length": size,
        // The link alone gives access to the image, so no shared cache may keep it.
        ...reprDigest(answer.sha256),
        "cache-control": "private, max-age=31536000, immutable",
        "content-disposition": "inline",
      });
      if (request.method === "HEAD") {
        body.destroy();
        return reply.send();
      }
      return reply.send(body);
    },
  });
}
