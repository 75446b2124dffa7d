import type { FastifyInstance } from "fastify";
import { type CreateFileDependencies, createFileRoute } from "./create-file.ts";
import { type DeleteFileDependencies, deleteFileRoute } from "./delete-file.ts";
import { type ListFilesDependencies, listFilesRoute } from "./list-files.ts";
import { type ReadFileDependencies, readFileRoute } from "./read-file.ts";
import { type ReadFileContentDependencies, readFileContentRoute } from "./read-file-content.ts";

export type FileRoutesDependencies = CreateFileDependencies &
  ListFilesDependencies &
  ReadFileDependencies &
  ReadFileContentDependencies &
  DeleteFileDependencies;

/** `/v1/files`: the files of the caller's tenant. */
export function fileRoutes(app: FastifyInstance, dependencies: FileRoutesDependencies): void {
  createFileRoute(app, dependencies);
  listFilesRoute(app, dependencies);
  readFileRoute(app, dependencies);
  readFileContentRoute(app, dependencies);
  deleteFileRoute(app, dependencies);
}
