import type { FastifyInstance } from "fastify";
import type { FindFile } from "../../files/find-file.ts";
import { showFile } from "../../files/show-file.ts";
import { accountOf } from "../../http/authenticate.ts";

export type ReadFileDependencies = { findFile: FindFile };

/** `GET /v1/files/{id}`: the metadata of a file. */
export function readFileRoute(app: FastifyInstance, { findFile }: ReadFileDependencies): void {
  app.get<{ Params: { id: string } }>("/v1/files/:id", async (request, reply) => {
    const { tenant } = accountOf(request);
    const record = await findFile(tenant, request.params.id);
    return reply.header("cache-control", "no-store").send(showFile(record));
  });
}
