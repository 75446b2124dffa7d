import { type Batch, batchEndings, batchSchema } from "@darkroom/contracts";
import { type HttpApi, pathOf } from "../service/http-api.ts";

/** A batch as our code knows it, and as it came. */
export type SubmittedBatch = { value: Batch; json: unknown };

/**
 * A batch as it is now.
 * @throws {Problem} as `HttpApi.send` does
 */
export function readBatch(api: HttpApi, id: string) {
  return api.send({ path: pathOf`/v1/batches/${id}`, as: "tenant", answer: batchSchema });
}

/** Whether nothing of it will change any more. */
export const hasEnded = ({ status }: Pick<Batch, "status">): boolean =>
  batchEndings.some((ending) => ending === status);
