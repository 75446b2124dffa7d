import type { FileStore } from "@darkroom/files";
import type { FastifyInstance } from "fastify";
import type { FindFile } from "../../files/find-file.ts";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { accountOf } from "../../http/authenticate.ts";

export type DeleteFileDependencies = { files: Pick<FileStore, "remove">; findFile: FindFile };

/** `DELETE /v1/files/{id}`: deletes a file and its content. */
export function deleteFileRoute(app: FastifyInstance, { files, findFile }: DeleteFileDependencies): void {
  app.delete<{ Params: { id: string } }>("/v1/files/:id", async (request, reply) => {
    const { tenant } = accountOf(request);
    const { id } = await findFile(tenant, request.params.id);
    await queueAnswer(files.remove(id));
    return reply.send({ id, object: "file", deleted: true });
  });
}
