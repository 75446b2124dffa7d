import { ApiError } from "@darkroom/contracts";
import type { FileStore } from "@darkroom/files";
import { ObjectNotFoundError } from "@darkroom/storage";
import { create as contentDisposition } from "content-disposition";
import type { FastifyInstance } from "fastify";
import type { FindFile } from "../../files/find-file.ts";
import { accountOf } from "../../http/authenticate.ts";
import { reprDigest } from "../../http/repr-digest.ts";
import type { DownloadLimits } from "../../limits/download-limits.ts";

export type ReadFileContentDependencies = {
  files: Pick<FileStore, "open">;
  findFile: FindFile;
  downloadLimits: Pick<DownloadLimits, "holdOrRefuse">;
};

/** `GET /v1/files/{id}/content`: the bytes of a file, as they were sent. */
export function readFileContentRoute(app: FastifyInstance, dependencies: ReadFileContentDependencies): void {
  const { files, findFile, downloadLimits } = dependencies;

  app.route<{ Params: { id: string } }>({
    method: ["GET", "HEAD"],
    url: "/v1/files/:id/content",
    handler: async (request, reply) => {
      const { tenant, keyId } = accountOf(request);
      downloadLimits.holdOrRefuse(reply.raw, [{ by: "key", id: keyId }]);
      const record = await findFile(tenant, request.params.id);
      const disposition = contentDisposition(record.filename);
      const { size, body } = await files.open(record).catch((cause: unknown) => {
        if (cause instanceof ObjectNotFoundError) {
          throw new ApiError("not_found", "The content of this file is no longer kept.", { cause });
        }
        throw new ApiError("overloaded", "The file cannot be read at the moment.", { retryAfterMs: 1_000, cause });
      });
      reply.headers({
        "content-type": "application/jsonl",
        "content-length": size,
        ...reprDigest(record.sha256),
        "content-disposition": disposition,
        "cache-control": "no-store",
      });
      if (request.method === "HEAD") {
        body.destroy();
        return reply.send();
      }
      return reply.send(body);
    },
  });
}
