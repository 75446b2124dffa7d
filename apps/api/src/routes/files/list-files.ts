import { filePurposes, otherFilePurposes, parseBody } from "@darkroom/contracts";
import type { FileStore } from "@darkroom/files";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { showFile } from "../../files/show-file.ts";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { accountOf } from "../../http/authenticate.ts";
import type { ReadTurns } from "../../limits/read-turns.ts";
import { type SendPage, unknownCursor } from "../../http/send-page.ts";

export type ListFilesDependencies = { files: Pick<FileStore, "list">; readTurns: ReadTurns; sendPage: SendPage };

const querySchema = z.strictObject({
  purpose: z.enum([...filePurposes, ...otherFilePurposes]).optional(),
  after: z.string().optional(),
  order: z.enum(["asc", "desc"]).default("desc"),
  /** OpenAI's for files. */
  limit: z
    .string()
    .regex(/^\d+$/, "must be a whole number from 1 to 10000")
    .transform(Number)
    .pipe(z.int().min(1).max(10_000))
    .default(10_000),
});

/** `GET /v1/files`: the tenant's files, newest first if not asked otherwise, as OpenAI's list object. */
export function listFilesRoute(app: FastifyInstance, { files, readTurns, sendPage }: ListFilesDependencies): void {
  app.get("/v1/files", readTurns, async (request, reply) => {
    const { tenant } = accountOf(request);
    const query = parseBody(querySchema, request.query);
    const page = await queueAnswer(files.list({ tenant, ...query, signal: request.signal }));
    if (page === null) throw unknownCursor("after", "file of this id in this list");
    return sendPage(reply, page, page.records.map(showFile));
  });
}
